#include "mcp/event/label.h"

#include <memory>
#include <string>
#include <utility>

#include "cpp/c_text.h"
#include "cpp/dispatcher_access.h"
#include "cpp/errors.h"

namespace mcp {
namespace event {

using mcp_event_impl::check;
using mcp_event_impl::DispatcherAccess;

static_assert(static_cast<int>(Activity::NotRunning) == MCP_EVENT_ACTIVITY_NOT_RUNNING &&
                  static_cast<int>(Activity::Destructor) == MCP_EVENT_ACTIVITY_DESTRUCTOR,
              "the numbers are the core's");

bool postLabelled(Dispatcher& dispatcher, const std::string& label, PostCb callback) {
  mcp_event_dispatcher* const core = DispatcherAccess::require(dispatcher, "postLabelled");
  mcp_event_impl::requireCallback(callback, "postLabelled");
  auto owned = std::make_unique<PostCb>(std::move(callback));
  mcp_event_closure closure;
  closure.call = [](void* data) { (*static_cast<PostCb*>(data))(); };
  closure.drop = [](void* data) { delete static_cast<PostCb*>(data); };
  closure.data = owned.get();
  const mcp_event_status status =
      mcp_event_dispatcher_post_labelled(core, mcp_event_impl::toCText(label), closure);
  if (status == MCP_EVENT_CLOSED || status == MCP_EVENT_QUEUE_FULL) {
    return false;
  }
  check(status);
  owned.release();
  return true;
}

Doing doing(Dispatcher& dispatcher) {
  mcp_event_doing now{};
  now.size = sizeof(now);
  check(mcp_event_dispatcher_doing(DispatcherAccess::require(dispatcher, "doing"), &now));
  return {static_cast<Activity>(now.activity), now.number, now.label == nullptr ? "" : now.label};
}

}  // namespace event
}  // namespace mcp
