// What the rest of the library may do with a LibeventDispatcher.
#ifndef MCP_EVENT_CPP_DISPATCHER_ACCESS_H
#define MCP_EVENT_CPP_DISPATCHER_ACCESS_H

#include <exception>
#include <string>

#include "cpp/bridge.h"
#include "cpp/hidden.h"
#include "mcp/event/dispatcher_extras.h"
#include "mcp/event/libevent_dispatcher.h"

namespace mcp_event_impl MCP_EVENT_HIDDEN {

// What a dispatcher is made of; null means the default.
struct CoreOptions {
  const char* backend = nullptr;
  event_base* libevent_base = nullptr;
  const mcp_event_clock* clock = nullptr;
};

struct DispatcherAccess {
  // A dispatcher of that.
  static mcp::event::DispatcherPtr create(const std::string& name, const CoreOptions& options);

  // A dispatcher around a core that it takes over, also when this throws.
  static mcp::event::DispatcherPtr adopt(const std::string& name, mcp_event_dispatcher* core);

  // A dispatcher around a core that stays the lender's, who keeps it alive for longer.
  static mcp::event::DispatcherPtr borrow(mcp_event_dispatcher* lent);

  static mcp_event_dispatcher* handle(const mcp::event::LibeventDispatcher& dispatcher) {
    return dispatcher.core_.handle;
  }

  // The core of a dispatcher of this library. Throws std::invalid_argument, naming the function that was
  // called, if it is another one.
  static mcp_event_dispatcher* require(const mcp::event::Dispatcher& dispatcher, const char* function);
};

struct ClockAccess {
  static mcp_event_clock* clock(const mcp::event::SimulatedClock& clock) { return clock.clock_; }
};

// Posts `callback`, which is moved from; false if the post was refused. Throws std::invalid_argument, naming
// the function that was called, if it is empty.
bool tryPostCallback(mcp_event_dispatcher* dispatcher, mcp::event::PostCb& callback, const char* function);

// Runs the loop; returns what a callback threw, or null. Calls `entered(data)`, unless it is null, once this
// thread owns the loop, before queued posts run. Throws if the loop itself failed.
// A callback may destroy the dispatcher, so none of its members is touched after the loop was entered.
std::exception_ptr runLoop(mcp_event_dispatcher* dispatcher, mcp::event::RunType type, void (*entered)(void*),
                           void* data);

// Starts recording, and reads the figures so far.
mcp_event_stats readStats(mcp_event_dispatcher* dispatcher);

mcp::event::LoopStats toLoopStats(const mcp_event_stats& figures);

}  // namespace MCP_EVENT_HIDDEN

#endif  // MCP_EVENT_CPP_DISPATCHER_ACCESS_H
