#include "cpp/handle_object.h"
#include "cpp/handles.h"
#include "mcp/event/label.h"

namespace mcp_event_impl {
namespace {

class SignalEventObject final
    : public HandleObject<SignalEventObject, mcp::event::SignalEvent, mcp::event::SignalCb,
                          mcp_event_signal_event, mcp_event_signal_event_destroy> {};

}  // namespace

mcp::event::SignalEventPtr createSignalEvent(mcp_event_dispatcher* dispatcher, int signal_number,
                                             mcp::event::SignalCb&& callback) {
  return createHandle<SignalEventObject>(
      "listenForSignal", callback, [=](mcpev_init init, void* from, mcp_event_signal_event** handle) {
        return mcpev_signal_event_create(dispatcher, signal_number, init, from, handle);
      });
}

}  // namespace mcp_event_impl

namespace mcp {
namespace event {

void setLabel(SignalEvent& event, const std::string& label) {
  mcp_event_impl::SignalEventObject::label(event, label, mcp_event_signal_event_set_label);
}

}  // namespace event
}  // namespace mcp
