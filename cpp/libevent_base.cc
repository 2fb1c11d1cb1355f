#include "mcp/event/libevent_base.h"

#include <stdexcept>
#include <string>

#include "cpp/dispatcher_access.h"

namespace mcp {
namespace event {

DispatcherPtr createLibeventDispatcher(const std::string& name, event_base* base) {
  if (base == nullptr) {
    throw std::invalid_argument("createLibeventDispatcher: the base is null");
  }
  mcp_event_impl::CoreOptions options;
  options.libevent_base = base;
  return mcp_event_impl::DispatcherAccess::create(name, options);
}

}  // namespace event
}  // namespace mcp
