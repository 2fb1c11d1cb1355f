#include "mcp/event/foreign_loop.h"

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>

#include "cpp/dispatcher_access.h"
#include "cpp/errors.h"

namespace mcp_event_impl {
namespace {

int turn(void* data, int fd, int64_t timeout_ns) {
  auto* const loop = static_cast<mcp::event::ForeignLoop*>(data);
  const mcp::event::ForeignTurn turn = loop->turn(fd, std::chrono::nanoseconds(timeout_ns));
  return turn == mcp::event::ForeignTurn::Stopped ? MCP_EVENT_TURN_STOPPED : MCP_EVENT_TURN_OVER;
}

void drop(void* data) { delete static_cast<mcp::event::ForeignLoop*>(data); }

}  // namespace
}  // namespace mcp_event_impl

namespace mcp {
namespace event {

DispatcherPtr createDispatcher(const std::string& name, std::unique_ptr<ForeignLoop> loop) {
  if (loop == nullptr) {
    throw std::invalid_argument("createDispatcher: the foreign loop is null");
  }
  mcp_event_impl::installOps();
  const std::string loop_name = loop->name();
  mcp_event_foreign_loop foreign{};
  foreign.size = sizeof(foreign);
  foreign.name = loop_name.c_str();
  foreign.turn = mcp_event_impl::turn;
  foreign.data = loop.get();
  foreign.drop = mcp_event_impl::drop;
  mcp_event_dispatcher* core = nullptr;
  mcp_event_impl::check(mcpev_dispatcher_create_in(name.data(), name.size(), &foreign, &core));
  static_cast<void>(loop.release());
  return mcp_event_impl::DispatcherAccess::adopt(name, core);
}

ForeignLoop* foreignLoop(const Dispatcher& dispatcher) {
  void* loop = nullptr;
  mcp_event_impl::check(mcpev_dispatcher_foreign_loop(
      mcp_event_impl::DispatcherAccess::require(dispatcher, "foreignLoop"), &loop));
  return static_cast<ForeignLoop*>(loop);
}

}  // namespace event
}  // namespace mcp
