#include "cpp/dispatcher_access.h"
#include "cpp/errors.h"
#include "mcp/event/dispatcher_extras.h"

namespace mcp {
namespace event {

SimulatedClock::SimulatedClock() : clock_(nullptr) { mcp_event_impl::check(mcp_event_clock_create(&clock_)); }

SimulatedClock::~SimulatedClock() { mcp_event_clock_destroy(clock_); }

void SimulatedClock::advance(std::chrono::nanoseconds duration) {
  mcp_event_impl::check(mcp_event_clock_advance_ns(clock_, duration.count()));
}

DispatcherPtr createDispatcher(const std::string& name, const SimulatedClock& clock) {
  mcp_event_impl::CoreOptions options;
  options.clock = mcp_event_impl::ClockAccess::clock(clock);
  return mcp_event_impl::DispatcherAccess::create(name, options);
}

}  // namespace event
}  // namespace mcp
