#include <memory>
#include <utility>

#include "cpp/dispatcher_access.h"
#include "cpp/errors.h"
#include "mcp/event/scaled_timers.h"

namespace mcp_event_impl {
namespace {

using std::chrono::microseconds;

mcp_event_thresholds toC(const mcp::event::PressureOptions::Thresholds<microseconds>& thresholds) {
  return {thresholds.low.count(), thresholds.high.count()};
}

}  // namespace
}  // namespace mcp_event_impl

namespace mcp {
namespace event {

using mcp_event_impl::check;
using mcp_event_impl::DispatcherAccess;
using mcp_event_impl::toC;

LoopLoad loopLoad(const Dispatcher& dispatcher) {
  mcp_event_load load{};
  load.size = sizeof(load);
  check(mcp_event_dispatcher_load(DispatcherAccess::require(dispatcher, "loopLoad"), &load));
  return {std::chrono::microseconds(load.loop_lag_us), std::chrono::microseconds(load.poll_delay_us),
          load.queue_depth};
}

PressureDriver::PressureDriver(Dispatcher& dispatcher, const PressureOptions& options) : driver_(nullptr) {
  mcp_event_pressure_options c{};
  c.size = sizeof(c);
  c.loop_lag_us = toC(options.loop_lag);
  c.poll_delay_us = toC(options.poll_delay);
  c.queue_depth = {options.queue_depth.low, options.queue_depth.high};
  c.smoothing_us = options.smoothing.count();
  c.hysteresis = options.hysteresis;
  c.interval_us = options.interval.count();
  check(mcp_event_pressure_driver_create(DispatcherAccess::require(dispatcher, "PressureDriver"), &c,
                                         &driver_));
}

PressureDriver::~PressureDriver() { mcp_event_pressure_driver_destroy(driver_); }

void PressureDriver::addSource(PressureSource source) {
  mcp_event_impl::requireCallback(source, "addSource");
  auto owned = std::make_unique<PressureSource>(std::move(source));
  mcp_event_pressure_source c;
  c.call = [](void* data) { return (*static_cast<PressureSource*>(data))(); };
  c.drop = [](void* data) { delete static_cast<PressureSource*>(data); };
  c.data = owned.get();
  check(mcp_event_pressure_driver_add_source(driver_, c));
  owned.release();
}

double PressureDriver::pressure() const {
  double pressure = 0;
  mcp_event_pressure_driver_pressure(driver_, &pressure);
  return pressure;
}

}  // namespace event
}  // namespace mcp
