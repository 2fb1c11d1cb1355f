// The tools that the server offers: `add` and `echo` answer at once, `countdown` takes its time.
#ifndef EXAMPLES_MCP_SERVER_TOOLS_H
#define EXAMPLES_MCP_SERVER_TOOLS_H

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

#include "mcp/event/event_loop.h"
#include "mcp_server/json_rpc.h"

namespace mcp_server {

// What a tool at work may say to the one who called it.
struct Caller {
  std::function<void(int done, int total, const std::string& message)> progress;
  // The last word: the result of tools/call.
  std::function<void(Json result)> finish;
};

// A tool at work. It says nothing before its start has returned; destroying it stops it, but not from inside
// one of its caller's functions.
class RunningTool {
 public:
  virtual ~RunningTool() = default;
};

// A tool that was started: it works, or it has its result already.
struct StartedTool {
  std::unique_ptr<RunningTool> running;
  Json result;
};

// A tool was called with arguments that it cannot work with.
class ArgumentError : public std::invalid_argument {
 public:
  using std::invalid_argument::invalid_argument;
};

// The list of tools, as tools/list tells it.
const Json& toolList();

// Starts a tool on the loop. Throws ArgumentError, and RpcError for an unknown name.
StartedTool startTool(mcp::event::Dispatcher& dispatcher, const std::string& name, const Json& arguments,
                      const Caller& caller);

// A result of tools/call that consists of a text.
Json textResult(const std::string& text, bool is_error = false);

}  // namespace mcp_server

#endif  // EXAMPLES_MCP_SERVER_TOOLS_H
