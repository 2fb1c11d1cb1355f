// A client at the two ends of a byte stream.
#ifndef EXAMPLES_MCP_SERVER_CONNECTION_H
#define EXAMPLES_MCP_SERVER_CONNECTION_H

#include <functional>
#include <string>

#include "mcp/event/event_loop.h"
#include "mcp_server/line_reader.h"
#include "mcp_server/session.h"
#include "mcp_server/writer.h"

namespace mcp_server {

// Ties a reader, a session and a writer together. When the client ends its input, what it still waits for is
// cancelled, what was said already is written, and the connection is over.
class Connection : private Outlet {
 public:
  // Called once. `failure` is empty when the client ended the conversation or stop() did.
  using ClosedCb = std::function<void(const std::string& failure)>;

  // The descriptors stay the caller's. They may be the same one, and should not block.
  Connection(mcp::event::Dispatcher& dispatcher, int in, int out, ClosedCb on_closed);
  ~Connection() override;

  // Ends the conversation from our side; a client that does not take the rest within a grace period loses it.
  void stop();

 private:
  void send(const Json& message) override;
  bool congested() const override;
  void onEnd(const std::string& reason);
  void onDrained();
  void close(const std::string& failure);

  const ClosedCb on_closed_;
  bool ending_ = false;
  bool closed_ = false;
  const mcp::event::TimerPtr grace_;
  Writer writer_;
  Session session_;
  LineReader reader_;
};

}  // namespace mcp_server

#endif  // EXAMPLES_MCP_SERVER_CONNECTION_H
