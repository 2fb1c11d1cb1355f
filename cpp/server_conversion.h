// Between the plain types of the server headers and those of the C ABI.
#ifndef MCP_EVENT_CPP_SERVER_CONVERSION_H
#define MCP_EVENT_CPP_SERVER_CONVERSION_H

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "cpp/bridge.h"
#include "cpp/c_text.h"
#include "cpp/hidden.h"
#include "mcp/event/server_manager.h"

namespace mcp_event_impl MCP_EVENT_HIDDEN {

// Throws what `status` stands for: a ServerError for what cannot be done to a server.
void checkServer(mcp_event_status status);

struct ServerConfigAccess {
  static const mcp_event_server_config* handle(const mcp::event::ServerConfig& config) {
    return config.config_.get();
  }
};

mcp::event::ServerInfo toServerInfo(const mcp_event_server_info& info);
mcp::event::CallProgress toCallProgress(const mcp_event_server_progress& progress);
mcp::event::CallResult toCallResult(const mcp_event_server_answer& answer);

// A callback that a call of the C ABI owns once it has succeeded.
template <typename Argument>
class OwnedCallback {
 public:
  using Function = std::function<void(const Argument&)>;

  explicit OwnedCallback(Function function) : function_(new Function(std::move(function))) {}

  // The closure of the C ABI whose argument `convert` understands.
  template <typename Closure, typename View, Argument (*convert)(const View&)>
  Closure closure() const {
    Closure closure = {};
    closure.call = [](void* data, const View* view) { (*static_cast<Function*>(data))(convert(*view)); };
    closure.data = function_.get();
    closure.drop = [](void* data) { delete static_cast<Function*>(data); };
    return closure;
  }

  void release() { static_cast<void>(function_.release()); }

 private:
  std::unique_ptr<Function> function_;
};

// Something that the C ABI made, with the function that destroys it.
template <typename T>
using Owned = std::unique_ptr<T, mcp_event_status (*)(T*)>;

}  // namespace MCP_EVENT_HIDDEN

#endif  // MCP_EVENT_CPP_SERVER_CONVERSION_H
