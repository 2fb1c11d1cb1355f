// Which MCP servers there are, and how each is supervised.
#ifndef MCP_EVENT_SERVER_CONFIG_H
#define MCP_EVENT_SERVER_CONFIG_H

#include <memory>
#include <string>
#include <vector>

struct mcp_event_server_config;

namespace mcp_event_impl {
struct ServerConfigAccess;
}

namespace mcp {
namespace event {

// A valid configuration. It does not change; copies share it.
class ServerConfig {
 public:
  // Reads a JSON text; variables are those of the environment. Throws std::invalid_argument, with the JSON
  // path of what is wrong.
  static ServerConfig parse(const std::string& json);

  // Likewise from a file. Throws std::system_error if it cannot be read.
  static ServerConfig fromFile(const std::string& path);

  // What in it has no effect, in words, with JSON paths.
  std::vector<std::string> warnings() const;

 private:
  friend struct ::mcp_event_impl::ServerConfigAccess;
  explicit ServerConfig(mcp_event_server_config* config);

  std::shared_ptr<mcp_event_server_config> config_;
};

// What a new configuration changed: the names of the servers, each in one list.
struct ServerChange {
  std::vector<std::string> added;
  // Stopped.
  std::vector<std::string> removed;
  // Reached in another way, or disabled or enabled: stopped, and started anew.
  std::vector<std::string> changed;
  // Reached as before, with other settings; the process stays.
  std::vector<std::string> relabelled;
  std::vector<std::string> unchanged;
};

}  // namespace event
}  // namespace mcp

#endif  // MCP_EVENT_SERVER_CONFIG_H
