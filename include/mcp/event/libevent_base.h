// Dispatchers that run on an event_base of the program's own. For one with a base of the dispatcher's, see
// createDispatcherFactory("libevent") in dispatcher_extras.h and LibeventDispatcher::base().
#ifndef MCP_EVENT_LIBEVENT_BASE_H
#define MCP_EVENT_LIBEVENT_BASE_H

#include <string>

#include "mcp/event/event_loop.h"
#include "mcp/event/libevent_dispatcher.h"

namespace mcp {
namespace event {

// A dispatcher whose run() drives `base`, so that events of the program's own on it fire in the same loop.
// Between runs the base is as it was, and the program may run it itself. It stays the program's, which keeps
// it until the dispatcher is destroyed (inside its own run(), until that returns). While a thread is inside
// run() no other may touch the base, unless it was made after evthread_use_pthreads().
//
// Throws std::invalid_argument if `base` is null, std::logic_error if it has a dispatcher already, and
// std::runtime_error if libevent's library is not found, or older than 2.1.
DispatcherPtr createLibeventDispatcher(const std::string& name, event_base* base);

}  // namespace event
}  // namespace mcp

#endif  // MCP_EVENT_LIBEVENT_BASE_H
