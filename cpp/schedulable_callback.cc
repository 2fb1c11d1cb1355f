#include "cpp/handle_object.h"
#include "cpp/handles.h"
#include "mcp/event/label.h"

namespace mcp_event_impl {
namespace {

class SchedulableCallbackObject final
    : public HandleObject<SchedulableCallbackObject, mcp::event::SchedulableCallback, std::function<void()>,
                          mcp_event_schedulable, mcp_event_schedulable_destroy> {
 public:
  void scheduleCallbackCurrentIteration() override {
    check(mcp_event_schedulable_schedule_current_iteration(handle()));
  }
  void scheduleCallbackNextIteration() override {
    check(mcp_event_schedulable_schedule_next_iteration(handle()));
  }
  void cancel() override { mcp_event_schedulable_cancel(handle()); }
  bool enabled() override {
    bool enabled = false;
    mcp_event_schedulable_enabled(handle(), &enabled);
    return enabled;
  }
};

}  // namespace

mcp::event::SchedulableCallbackPtr createSchedulableCallback(mcp_event_dispatcher* dispatcher,
                                                             std::function<void()>&& callback) {
  return createHandle<SchedulableCallbackObject>(
      "createSchedulableCallback", callback,
      [=](mcpev_init init, void* from, mcp_event_schedulable** handle) {
        return mcpev_schedulable_create(dispatcher, init, from, handle);
      });
}

}  // namespace mcp_event_impl

namespace mcp {
namespace event {

void setLabel(SchedulableCallback& callback, const std::string& label) {
  mcp_event_impl::SchedulableCallbackObject::label(callback, label, mcp_event_schedulable_set_label);
}

}  // namespace event
}  // namespace mcp
