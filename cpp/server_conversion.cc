#include "cpp/server_conversion.h"

#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <vector>

#include "cpp/errors.h"

namespace mcp_event_impl {
namespace {

using mcp::event::ServerStatus;

std::string orEmpty(const char* text) { return text == nullptr ? std::string() : text; }

std::vector<std::string> toStrings(const char* const* texts, size_t count) {
  return std::vector<std::string>(texts, texts + count);
}

// Both enums are in the same order.
static_assert(static_cast<int>(ServerStatus::Backoff) == MCP_EVENT_SERVER_BACKOFF, "one status is missing");
static_assert(static_cast<int>(mcp::event::CallOutcome::ManagerStopped) == MCP_EVENT_CALL_MANAGER_STOPPED,
              "one outcome is missing");

ServerStatus toServerStatus(mcp_event_server_status status) { return static_cast<ServerStatus>(status); }

}  // namespace

void checkServer(mcp_event_status status) {
  switch (status) {
    case MCP_EVENT_NOT_FOUND:
      throw mcp::event::UnknownServer(mcp_event_last_error());
    case MCP_EVENT_CLOSED:
      throw mcp::event::ManagerStopped(mcp_event_last_error());
    default:
      check(status);
  }
}

mcp::event::ServerInfo toServerInfo(const mcp_event_server_info& info) {
  mcp::event::ServerInfo converted;
  converted.name = info.name;
  converted.status = toServerStatus(info.status);
  converted.reason = info.reason;
  converted.status_age = std::chrono::microseconds(info.status_age_us);
  converted.pid = info.pid;
  converted.category = orEmpty(info.category);
  converted.labels = toStrings(info.labels, info.label_count);
  converted.tools = toStrings(info.tools, info.tool_count);
  converted.peer_name = orEmpty(info.peer_name);
  converted.peer_version = orEmpty(info.peer_version);
  converted.protocol_version = orEmpty(info.protocol_version);
  converted.capabilities = orEmpty(info.capabilities);
  converted.instructions = orEmpty(info.instructions);
  converted.restarts = info.restarts;
  converted.last_ping = std::chrono::microseconds(info.last_ping_us);
  converted.failed_checks = info.failed_checks;
  converted.in_flight = info.in_flight;
  return converted;
}

mcp::event::CallProgress toCallProgress(const mcp_event_server_progress& progress) {
  return {progress.progress, progress.has_total, progress.total, orEmpty(progress.message)};
}

mcp::event::CallResult toCallResult(const mcp_event_server_answer& answer) {
  mcp::event::CallResult result;
  result.outcome = static_cast<mcp::event::CallOutcome>(answer.outcome);
  result.json = orEmpty(answer.result);
  result.text = orEmpty(answer.text);
  result.code = answer.code;
  result.message = orEmpty(answer.message);
  result.data = orEmpty(answer.data);
  result.status = toServerStatus(answer.status);
  return result;
}

}  // namespace mcp_event_impl
