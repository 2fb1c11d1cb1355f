#include <memory>
#include <utility>

#include "cpp/c_text.h"
#include "cpp/dispatcher_access.h"
#include "cpp/errors.h"
#include "mcp/event/dispatcher_extras.h"
#include "mcp/event/label.h"

namespace mcp {
namespace event {

using mcp_event_impl::check;

PeriodicTimer::PeriodicTimer(Dispatcher& dispatcher, TimerCb callback) : timer_(nullptr) {
  mcp_event_impl::requireCallback(callback, "PeriodicTimer");
  mcp_event_dispatcher* const core = mcp_event_impl::DispatcherAccess::require(dispatcher, "PeriodicTimer");
  auto owned = std::make_unique<TimerCb>(std::move(callback));
  mcp_event_closure closure;
  closure.call = [](void* data) { (*static_cast<TimerCb*>(data))(); };
  closure.drop = [](void* data) { delete static_cast<TimerCb*>(data); };
  closure.data = owned.get();
  check(mcp_event_periodic_timer_create(core, closure, &timer_));
  owned.release();
}

PeriodicTimer::~PeriodicTimer() { mcp_event_periodic_timer_destroy(timer_); }

void PeriodicTimer::enable(std::chrono::microseconds interval) {
  check(mcp_event_periodic_timer_enable_us(timer_, interval.count()));
}

void PeriodicTimer::disable() { mcp_event_periodic_timer_disable(timer_); }

bool PeriodicTimer::enabled() const {
  bool enabled = false;
  mcp_event_periodic_timer_enabled(timer_, &enabled);
  return enabled;
}

void setLabel(PeriodicTimer& timer, const std::string& label) {
  check(mcp_event_periodic_timer_set_label(timer.timer_, mcp_event_impl::toCText(label)));
}

}  // namespace event
}  // namespace mcp
