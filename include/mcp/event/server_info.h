// What is known of an MCP server under management.
#ifndef MCP_EVENT_SERVER_INFO_H
#define MCP_EVENT_SERVER_INFO_H

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace mcp {
namespace event {

// What a server is doing.
enum class ServerStatus {
  // Its process is started, or the handshake is under way.
  Starting,
  // It is ready for requests.
  Running,
  // It runs, but its health checks fail.
  Unhealthy,
  // It was asked to end, and has not ended yet.
  Stopping,
  // It does not run, and is not meant to.
  Stopped,
  // It does not run, and is not started again by itself.
  Failed,
  // It does not run, and is started again after a wait.
  Backoff,
};

// The status in one word, in lower case.
const char* serverStatusName(ServerStatus status);

// What is known of a server at one moment. Strings are empty for what is not known.
struct ServerInfo {
  // Its name in the configuration.
  std::string name;
  ServerStatus status = ServerStatus::Stopped;
  // Why it has this status, in words, and for how long.
  std::string reason;
  std::chrono::microseconds status_age{0};
  // Its process; 0: it has none.
  uint32_t pid = 0;
  // The sort of server it is, and what it can do, as configured.
  std::string category;
  std::vector<std::string> labels;
  // The names of its tools, as it last listed them.
  std::vector<std::string> tools;
  // What it said of itself in the last handshake; its capabilities are a JSON text.
  std::string peer_name;
  std::string peer_version;
  std::string protocol_version;
  std::string capabilities;
  std::string instructions;
  // How often it was started again, in this life of the manager.
  uint64_t restarts = 0;
  // How long the last health check took; negative: it did not pass, or there was none.
  std::chrono::microseconds last_ping{-1};
  // Health checks that failed in a row.
  uint32_t failed_checks = 0;
  // Requests that wait for their answers.
  size_t in_flight = 0;
};

// A line that a server wrote to its stderr.
struct ServerLogLine {
  // Counted from 1 over all that the server ever wrote.
  uint64_t number;
  std::string text;
};

}  // namespace event
}  // namespace mcp

#endif  // MCP_EVENT_SERVER_INFO_H
