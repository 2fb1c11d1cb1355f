#include <algorithm>
#include <utility>

#include "cpp/handle_object.h"
#include "cpp/handles.h"
#include "mcp/event/label.h"

namespace mcp_event_impl {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

class TimerObject final : public HandleObject<TimerObject, mcp::event::Timer, mcp::event::TimerCb,
                                              mcp_event_timer, mcp_event_timer_destroy> {
 public:
  void disableTimer() override { mcp_event_timer_disable(handle()); }
  void enableTimer(milliseconds duration) override { enableHRTimer(saturatingMicroseconds(duration)); }
  void enableHRTimer(microseconds duration) override {
    check(mcp_event_timer_enable_us(handle(), duration.count()));
  }
  bool enabled() override {
    bool enabled = false;
    mcp_event_timer_enabled(handle(), &enabled);
    return enabled;
  }
};

class CappedTimer final : public mcp::event::Timer {
 public:
  CappedTimer(mcp::event::TimerPtr timer, microseconds max_value)
      : timer_(std::move(timer)), max_value_(max_value) {}

  void disableTimer() override { timer_->disableTimer(); }
  void enableTimer(milliseconds duration) override { enableHRTimer(saturatingMicroseconds(duration)); }
  void enableHRTimer(microseconds duration) override {
    timer_->enableHRTimer(std::min(duration, max_value_));
  }
  bool enabled() override { return timer_->enabled(); }

  mcp::event::Timer& timer() { return *timer_; }

 private:
  const mcp::event::TimerPtr timer_;
  const microseconds max_value_;
};

}  // namespace

microseconds saturatingMicroseconds(milliseconds duration) {
  constexpr milliseconds kMax = std::chrono::duration_cast<milliseconds>(microseconds::max());
  if (duration > kMax) {
    return microseconds::max();
  }
  return duration < -kMax ? microseconds::min() : microseconds(duration);
}

mcp::event::TimerPtr createTimer(mcp_event_dispatcher* dispatcher, mcp::event::TimerCb callback) {
  return createHandle<TimerObject>(
      "createTimer", callback,
      [=](const mcpev_ops* ops, void* from, mcp_event_timer** handle, void** storage) {
        return mcpev_timer_create(dispatcher, ops, from, handle, storage);
      });
}

mcp::event::TimerPtr createCappedTimer(mcp_event_dispatcher* dispatcher, milliseconds max_value,
                                       mcp::event::TimerCb callback) {
  return std::make_unique<CappedTimer>(createTimer(dispatcher, std::move(callback)),
                                       saturatingMicroseconds(max_value));
}

}  // namespace mcp_event_impl

namespace mcp {
namespace event {

void setLabel(Timer& timer, const std::string& label) {
  auto* const capped = dynamic_cast<mcp_event_impl::CappedTimer*>(&timer);
  mcp_event_impl::TimerObject::label(capped == nullptr ? timer : capped->timer(), label,
                                     mcp_event_timer_set_label);
}

}  // namespace event
}  // namespace mcp
