#include <cstdint>

#include "cpp/handle_object.h"
#include "cpp/handles.h"
#include "mcp/event/label.h"

namespace mcp_event_impl {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// A timer on a handle of the core's; both kinds have the same functions.
template <typename Handle, mcp_event_status (*kDestroy)(Handle*),
          mcp_event_status (*kEnable)(Handle*, int64_t), mcp_event_status (*kDisable)(Handle*),
          mcp_event_status (*kEnabled)(const Handle*, bool*)>
class TimerObject final : public HandleObject<TimerObject<Handle, kDestroy, kEnable, kDisable, kEnabled>,
                                              mcp::event::Timer, mcp::event::TimerCb, Handle, kDestroy> {
 public:
  void disableTimer() override { kDisable(this->handle()); }
  void enableTimer(milliseconds duration) override { enableHRTimer(saturatingMicroseconds(duration)); }
  void enableHRTimer(microseconds duration) override { check(kEnable(this->handle(), duration.count())); }
  bool enabled() override {
    bool enabled = false;
    kEnabled(this->handle(), &enabled);
    return enabled;
  }
};

using PlainTimer = TimerObject<mcp_event_timer, mcp_event_timer_destroy, mcp_event_timer_enable_us,
                               mcp_event_timer_disable, mcp_event_timer_enabled>;
using ScaledTimer =
    TimerObject<mcp_event_scaled_timer, mcp_event_scaled_timer_destroy, mcp_event_scaled_timer_enable_us,
                mcp_event_scaled_timer_disable, mcp_event_scaled_timer_enabled>;

}  // namespace

microseconds saturatingMicroseconds(milliseconds duration) {
  constexpr milliseconds kMax = std::chrono::duration_cast<milliseconds>(microseconds::max());
  if (duration > kMax) {
    return microseconds::max();
  }
  return duration < -kMax ? microseconds::min() : microseconds(duration);
}

mcp::event::TimerPtr createTimer(mcp_event_dispatcher* dispatcher, mcp::event::TimerCb&& callback) {
  return createHandle<PlainTimer>("createTimer", callback,
                                  [=](mcpev_init init, void* from, mcp_event_timer** handle) {
                                    return mcpev_timer_create(dispatcher, init, from, handle);
                                  });
}

mcp::event::TimerPtr createScaledTimer(mcp_event_dispatcher* dispatcher, mcp::event::ScaledTimerType type,
                                       mcp::event::TimerCb&& callback) {
  return createHandle<ScaledTimer>(
      "createScaledTimer", callback, [=](mcpev_init init, void* from, mcp_event_scaled_timer** handle) {
        return mcpev_scaled_timer_create(dispatcher, static_cast<int32_t>(type), init, from, handle);
      });
}

mcp::event::TimerPtr createScaledTimer(mcp_event_dispatcher* dispatcher,
                                       mcp::event::ScaledTimerMinimum minimum,
                                       mcp::event::TimerCb&& callback) {
  const int64_t min_us = saturatingMicroseconds(minimum.min_value).count();
  const int64_t max_us = saturatingMicroseconds(minimum.max_value).count();
  return createHandle<ScaledTimer>(
      "createScaledTimer", callback, [=](mcpev_init init, void* from, mcp_event_scaled_timer** handle) {
        return mcpev_scaled_timer_create_with_minimum(dispatcher, min_us, max_us, init, from, handle);
      });
}

}  // namespace mcp_event_impl

namespace mcp {
namespace event {

void setLabel(Timer& timer, const std::string& label) {
  if (dynamic_cast<mcp_event_impl::ScaledTimer*>(&timer) != nullptr) {
    mcp_event_impl::ScaledTimer::label(timer, label, mcp_event_scaled_timer_set_label);
  } else {
    mcp_event_impl::PlainTimer::label(timer, label, mcp_event_timer_set_label);
  }
}

}  // namespace event
}  // namespace mcp
