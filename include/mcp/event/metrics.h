// The figures of dispatchers and pools, and whatever else a program counts, in the text format of Prometheus;
// served over HTTP where the library was built with MCP_EVENT_PROMETHEUS.
#ifndef MCP_EVENT_METRICS_H
#define MCP_EVENT_METRICS_H

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

#include "mcp/event/event_loop.h"

struct mcp_event_metrics;
struct mcp_event_metrics_endpoint;

namespace mcp_event_impl {
struct MetricsAccess;
}

namespace mcp {
namespace event {

class WorkerPool;

// Has callbacks of the dispatcher that take longer than `threshold` counted, in LoopStats::slow_callbacks,
// and told to the log as a warning with their kind and label. A negative threshold ends that, as at first.
// From any thread.
void setSlowCallbackThreshold(Dispatcher& dispatcher, std::chrono::microseconds threshold);

// Knows whose figures are shown. Each has a name of its own. From any thread.
class MetricsRegistry {
 public:
  MetricsRegistry();
  ~MetricsRegistry();
  MetricsRegistry(const MetricsRegistry&) = delete;
  MetricsRegistry& operator=(const MetricsRegistry&) = delete;

  // Shows the figures of a dispatcher of this library, under its name, also when it is gone. Throws
  // std::invalid_argument for another dispatcher, and if something has this name already.
  void addDispatcher(const Dispatcher& dispatcher);

  // Shows the figures of each worker of a pool, and of all together, also when it is gone. Throws
  // std::invalid_argument if something has this name already.
  void addPool(const std::string& name, const WorkerPool& pool);

  // Has `source` add to each page: text in the format of Prometheus, such as ServerManager::prometheus()
  // gives. It may be called on any thread, by several at a time, and must not wait; what it throws is logged.
  // Throws std::invalid_argument if it is empty, and if something has this name already.
  void addSource(const std::string& name, std::function<std::string()> source);

  // Shows what has this name no more. False if nothing has.
  bool remove(const std::string& name);

  // All figures of this moment, to be served as text/plain; version=0.0.4; charset=utf-8.
  std::string prometheus() const;

 private:
  friend struct ::mcp_event_impl::MetricsAccess;
  mcp_event_metrics* metrics_;
};

struct MetricsEndpointOptions {
  // How many connections may be open at a time; 0: 64.
  std::size_t connection_limit = 0;
  // How long a request may take to come, and then the response to go; 0: five seconds.
  std::chrono::milliseconds timeout{0};
};

// Serves the figures over HTTP, at /metrics, on the loop of a dispatcher, until it is destroyed. There is
// neither encryption nor a password: whoever can reach the address reads the figures.
class MetricsEndpoint {
 public:
  // Listens at `address`, "127.0.0.1:9464" or "[::1]:9464", say; port 0 takes a free one. Throws
  // std::invalid_argument for what is no address, and for a negative timeout; std::system_error when the
  // system does not let it; std::runtime_error in a build without the endpoint.
  MetricsEndpoint(Dispatcher& dispatcher, const std::string& address, const MetricsRegistry& registry,
                  const MetricsEndpointOptions& options = MetricsEndpointOptions());
  ~MetricsEndpoint();
  MetricsEndpoint(const MetricsEndpoint&) = delete;
  MetricsEndpoint& operator=(const MetricsEndpoint&) = delete;

  // The address that it listens at, with the port that it really has.
  std::string address() const;

 private:
  mcp_event_metrics_endpoint* endpoint_;
};

}  // namespace event
}  // namespace mcp

#endif  // MCP_EVENT_METRICS_H
