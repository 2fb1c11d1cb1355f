#include "mcp/event/backends.h"

#include <utility>

#include "cpp/errors.h"
#include "mcp_event.h"

namespace mcp {
namespace event {

std::vector<Backend> backends() {
  std::vector<Backend> all;
  const char* name = nullptr;
  while (mcp_event_backend_name(all.size(), &name) == MCP_EVENT_OK) {
    Backend backend;
    backend.name = name;
    backend.works = mcp_event_backend_check(name) == MCP_EVENT_OK;
    if (!backend.works) {
      backend.reason = mcp_event_last_error();
    }
    all.push_back(std::move(backend));
  }
  return all;
}

}  // namespace event
}  // namespace mcp
