#include "mcp/event/server_info.h"

namespace mcp {
namespace event {

const char* serverStatusName(ServerStatus status) {
  switch (status) {
    case ServerStatus::Starting:
      return "starting";
    case ServerStatus::Running:
      return "running";
    case ServerStatus::Unhealthy:
      return "unhealthy";
    case ServerStatus::Stopping:
      return "stopping";
    case ServerStatus::Stopped:
      return "stopped";
    case ServerStatus::Failed:
      return "failed";
    case ServerStatus::Backoff:
      return "backoff";
  }
  return "unknown";
}

}  // namespace event
}  // namespace mcp
