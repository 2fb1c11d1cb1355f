// MCP servers that are kept running, asked and watched.
//
// All functions may be called from any thread. Misuse throws std::invalid_argument or std::logic_error, what
// cannot be done to a server a ServerError, what the system refuses std::system_error.
#ifndef MCP_EVENT_SERVER_MANAGER_H
#define MCP_EVENT_SERVER_MANAGER_H

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "mcp/event/event_loop.h"
#include "mcp/event/server_call.h"
#include "mcp/event/server_config.h"
#include "mcp/event/server_info.h"

struct mcp_event_server_manager;

namespace mcp {
namespace event {

struct ServerManagerOptions {
  // On how many threads the servers are looked after; 0: one.
  size_t workers = 0;
  // Where callbacks run; null: a thread of the manager's own. If it is shut down or destroyed, callbacks that
  // are still to be called are destroyed without a call.
  Dispatcher* dispatcher = nullptr;
  // The state file, unless the configuration names one. Without either, nothing is remembered.
  std::string state_path;
};

// Callbacks run on one thread, one at a time: on that of a dispatcher of yours, or on one of the manager's
// own. What they throw is logged, and ends nothing. In a callback of any loop, functions that wait throw
// std::logic_error.
class ServerManager {
 public:
  // Starts nothing yet.
  explicit ServerManager(const ServerConfig& config,
                         const ServerManagerOptions& options = ServerManagerOptions());

  // Stops all servers, and waits until nothing is left of them and the manager's own callbacks have run. In a
  // callback of a loop it does not wait: all that happens on another thread then.
  ~ServerManager();

  ServerManager(ServerManager&& other) noexcept : manager_(other.manager_) { other.manager_ = nullptr; }
  ServerManager& operator=(ServerManager&& other) noexcept {
    std::swap(manager_, other.manager_);
    return *this;
  }

  // Calls `callback` with each change of a server's status or reason. Replaces the one before. Throws
  // std::logic_error once the manager has been started.
  void onChange(std::function<void(const ServerInfo&)> callback);

  // Ends what an earlier life of the program left behind, by the state file, then starts the servers that are
  // to run. Waits for the disk, not for the servers. Throws std::system_error or std::logic_error if the
  // state file cannot be used, or another manager uses it; one may try again.
  void start();

  // Stops all servers at the same time, and waits until nothing is left of them. What was not answered yet is
  // answered with a failure.
  void stop();

  // Begins to stop all servers, at the same time.
  void beginStop();

  // All servers at this moment, in the order of the configuration; or one. Throws UnknownServer.
  std::vector<ServerInfo> list() const;
  ServerInfo info(const std::string& server) const;

  // Has a server run, or not, now and in later lives of the program. Stopping waits until nothing is left of
  // it. Both, and restarting, throw UnknownServer or ManagerStopped.
  void startServer(const std::string& server);
  void stopServer(const std::string& server);
  void restartServer(const std::string& server);

  // Sends a request. `params` is a JSON text; empty: none. What comes of it, whatever it is, comes to
  // `callback`, once, also when the manager is destroyed meanwhile; perhaps before this returns. Throws
  // std::invalid_argument for parameters that are no JSON.
  CallId call(const std::string& server, const std::string& method, const std::string& params,
              const CallOptions& options, CallCallback callback);
  CallId call(const std::string& server, const std::string& method, const std::string& params,
              CallCallback callback) {
    return call(server, method, params, CallOptions(), std::move(callback));
  }

  // Sends a request, and waits for its result, a JSON text. Throws the ServerError that says why there is
  // none.
  std::string callAndWait(const std::string& server, const std::string& method,
                          const std::string& params = std::string(),
                          const CallOptions& options = CallOptions());

  // Cancels a request to this server, which is told. Nothing, if its outcome is known already. Throws
  // UnknownServer or ManagerStopped.
  void cancel(const std::string& server, CallId call);

  // Sends a notification. A server that is not ready does not get it. Throws UnknownServer or ManagerStopped.
  void notify(const std::string& server, const std::string& method,
              const std::string& params = std::string());

  // What a server wrote to its stderr: the lines from `number` on that are still known.
  std::vector<ServerLogLine> logSince(const std::string& server, uint64_t number = 1) const;

  // Takes a new configuration over, as far as it differs: servers that are the same in both do not notice.
  // Throws ManagerStopped.
  ServerChange reload(const ServerConfig& config);

  // The figures of this moment, and the status of each server, in the text format of Prometheus.
  std::string prometheus() const;

 private:
  mcp_event_server_manager* manager_ = nullptr;
};

}  // namespace event
}  // namespace mcp

#endif  // MCP_EVENT_SERVER_MANAGER_H
