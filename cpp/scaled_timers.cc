#include "mcp/event/scaled_timers.h"

#include "cpp/dispatcher_access.h"
#include "cpp/errors.h"

namespace mcp {
namespace event {

using mcp_event_impl::check;
using mcp_event_impl::DispatcherAccess;

void setTimerScaleFactor(Dispatcher& dispatcher, double factor) {
  check(mcp_event_dispatcher_set_timer_scale_factor(
      DispatcherAccess::require(dispatcher, "setTimerScaleFactor"), factor));
}

double timerScaleFactor(const Dispatcher& dispatcher) {
  double factor = 0;
  check(mcp_event_dispatcher_timer_scale_factor(DispatcherAccess::require(dispatcher, "timerScaleFactor"),
                                                &factor));
  return factor;
}

void setScaledTimerMinimum(Dispatcher& dispatcher, ScaledTimerType type, std::chrono::microseconds minimum) {
  mcp_event_scaled_timer_minimum value{};
  value.absolute_us = minimum.count();
  check(mcp_event_dispatcher_set_scaled_timer_minimum(
      DispatcherAccess::require(dispatcher, "setScaledTimerMinimum"), static_cast<int>(type), value));
}

void setScaledTimerMinimumShare(Dispatcher& dispatcher, ScaledTimerType type, double share) {
  mcp_event_scaled_timer_minimum value{};
  value.share = share;
  check(mcp_event_dispatcher_set_scaled_timer_minimum(
      DispatcherAccess::require(dispatcher, "setScaledTimerMinimumShare"), static_cast<int>(type), value));
}

}  // namespace event
}  // namespace mcp
