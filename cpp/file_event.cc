#include "cpp/handle_object.h"
#include "cpp/handles.h"
#include "mcp/event/label.h"

namespace mcp_event_impl {
namespace {

class FileEventObject final
    : public HandleObject<FileEventObject, mcp::event::FileEvent, mcp::event::FileReadyCb,
                          mcp_event_file_event, mcp_event_file_event_destroy> {
 public:
  void activate(uint32_t events) override { check(mcp_event_file_event_activate(handle(), events)); }
  void setEnabled(uint32_t events) override {
    const mcp_event_status status = mcp_event_file_event_set_enabled(handle(), events);
    if (events != 0) {
      check(status);
    }
  }
  void unregisterEventIfEmulatedEdge(uint32_t event) override {
    check(mcp_event_file_event_unregister_if_emulated_edge(handle(), event));
  }
  void registerEventIfEmulatedEdge(uint32_t event) override {
    check(mcp_event_file_event_register_if_emulated_edge(handle(), event));
  }
};

}  // namespace

mcp::event::FileEventPtr createFileEvent(mcp_event_dispatcher* dispatcher, mcp::event::os_fd_t fd,
                                         mcp::event::FileReadyCb&& callback,
                                         mcp::event::FileTriggerType trigger, uint32_t events) {
  return createHandle<FileEventObject>(
      "createFileEvent", callback, [=](mcpev_init init, void* from, mcp_event_file_event** handle) {
        return mcpev_file_event_create(dispatcher, fd, static_cast<int32_t>(trigger), events, init, from,
                                       handle);
      });
}

}  // namespace mcp_event_impl

namespace mcp {
namespace event {

void setLabel(FileEvent& event, const std::string& label) {
  mcp_event_impl::FileEventObject::label(event, label, mcp_event_file_event_set_label);
}

}  // namespace event
}  // namespace mcp
