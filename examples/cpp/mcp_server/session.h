// One client's conversation in the Model Context Protocol, from its first word to its last.
#ifndef EXAMPLES_MCP_SERVER_SESSION_H
#define EXAMPLES_MCP_SERVER_SESSION_H

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "mcp/event/event_loop.h"
#include "mcp_server/json_rpc.h"
#include "mcp_server/tools.h"

namespace mcp_server {

// Where a session's words go.
class Outlet {
 public:
  virtual ~Outlet() = default;

  virtual void send(const Json& message) = 0;

  // Whether the client is far behind with reading.
  virtual bool congested() const = 0;
};

// It speaks the revisions that begin with `initialize`, 2024-11-05 to 2025-11-25, and 2026-07-28, where each
// request names its revision and `server/discover` tells which there are. It lives on its loop's thread.
class Session {
 public:
  Session(mcp::event::Dispatcher& dispatcher, Outlet& outlet);

  // Takes one message, or a batch of them. Whatever the client sends, this does not throw.
  void receive(const std::string& text);

  // Stops all tools at work; their callers are not answered.
  void cancelAll();

 private:
  using Answer = std::function<void(const Json& response)>;

  struct Call {
    std::unique_ptr<RunningTool> tool;
    Answer answer;
    std::string revision;
    bool over;
  };

  void handle(const Json& message, const Answer& answer);
  void notified(const Request& notification);
  void requested(const Request& request, const Answer& answer);
  Json initialize(const Json& params);
  Json discover() const;
  Json listTools(const Json& params, const std::string& revision) const;
  void callTool(const Request& request, const std::string& revision, const Answer& answer);
  Caller callerOf(const Request& request);
  void end(const Json& id, Call& call);
  void removeEnded();

  // The revision of the protocol that a request is spoken in; empty before the client said which.
  std::string revisionOf(const Request& request) const;

  mcp::event::Dispatcher& dispatcher_;
  Outlet& outlet_;
  std::string revision_;  // as `initialize` settled it
  std::map<Json, Call> calls_;
  // Calls that finished or were cancelled. Their tools die at the end of the iteration, when none of their
  // callbacks can be at work any more.
  std::vector<Json> ended_;
  const mcp::event::SchedulableCallbackPtr remove_ended_;
};

}  // namespace mcp_server

#endif  // EXAMPLES_MCP_SERVER_SESSION_H
