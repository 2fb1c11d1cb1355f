// What makes each kind of handle; one .cc a kind. The callback is moved from at once, unless it is refused.
#ifndef MCP_EVENT_CPP_HANDLES_H
#define MCP_EVENT_CPP_HANDLES_H

#include <chrono>
#include <cstdint>
#include <functional>

#include "cpp/bridge.h"
#include "cpp/hidden.h"
#include "mcp/event/event_loop.h"

namespace mcp_event_impl MCP_EVENT_HIDDEN {

mcp::event::TimerPtr createTimer(mcp_event_dispatcher* dispatcher, mcp::event::TimerCb&& callback);

mcp::event::TimerPtr createScaledTimer(mcp_event_dispatcher* dispatcher, mcp::event::ScaledTimerType type,
                                       mcp::event::TimerCb&& callback);
mcp::event::TimerPtr createScaledTimer(mcp_event_dispatcher* dispatcher,
                                       mcp::event::ScaledTimerMinimum minimum,
                                       mcp::event::TimerCb&& callback);

mcp::event::FileEventPtr createFileEvent(mcp_event_dispatcher* dispatcher, mcp::event::os_fd_t fd,
                                         mcp::event::FileReadyCb&& callback,
                                         mcp::event::FileTriggerType trigger, uint32_t events);

mcp::event::SchedulableCallbackPtr createSchedulableCallback(mcp_event_dispatcher* dispatcher,
                                                             std::function<void()>&& callback);

mcp::event::SignalEventPtr createSignalEvent(mcp_event_dispatcher* dispatcher, int signal_number,
                                             mcp::event::SignalCb&& callback);

// Milliseconds as the core takes them; what is beyond its range saturates.
std::chrono::microseconds saturatingMicroseconds(std::chrono::milliseconds duration);

}  // namespace MCP_EVENT_HIDDEN

#endif  // MCP_EVENT_CPP_HANDLES_H
