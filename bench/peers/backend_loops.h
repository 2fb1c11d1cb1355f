// Ours on every backend that works here, beside the default one.
#ifndef MCP_EVENT_BENCH_BACKEND_LOOPS_H
#define MCP_EVENT_BENCH_BACKEND_LOOPS_H

#include <mcp/event/backends.h>

#include <algorithm>
#include <string>
#include <vector>

#include "dispatcher_loop.h"

namespace bench {

struct OnEpoll {
  static constexpr const char* kBackend = "epoll";
  static constexpr const char* kName = "mcp::event, epoll";
};
struct OnIoUring {
  static constexpr const char* kBackend = "io_uring";
  static constexpr const char* kName = "mcp::event, io_uring";
};
struct OnMio {
  static constexpr const char* kBackend = "mio";
  static constexpr const char* kName = "mcp::event, mio";
};
struct OnLibevent {
  static constexpr const char* kBackend = "libevent";
  static constexpr const char* kName = "mcp::event, libevent";
};
struct OnAsio {
  static constexpr const char* kBackend = "asio";
  static constexpr const char* kName = "mcp::event, asio";
};

template <class Backend>
class LoopOn : public DispatcherLoop {
 public:
  static constexpr const char* kName = Backend::kName;
  LoopOn()
      : DispatcherLoop(mcp::event::createDispatcherFactory(Backend::kBackend)->createDispatcher("bench")) {}
};

// Whether a dispatcher can run on it, and it is not what OurLoop measures already.
inline bool is_another_backend(const std::string& name) {
  const auto all = mcp::event::backends();
  const bool works = std::any_of(
      all.begin(), all.end(), [&name](const auto& backend) { return backend.name == name && backend.works; });
  return works && mcp::event::createPlatformDefaultDispatcherFactory()->backendName() != name;
}

template <class... Backends, class Measure>
std::vector<Contender> contenders_on(const Measure& measure) {
  std::vector<Contender> all;
  const auto add = [&](auto backend) {
    using Backend = decltype(backend);
    if (is_another_backend(Backend::kBackend)) {
      all = all + contenders<LoopOn<Backend>>(measure);
    }
  };
  (add(Backends{}), ...);
  return all;
}

// One contender for each backend other than the default.
template <class Measure>
std::vector<Contender> on_other_backends(const Measure& measure) {
  return contenders_on<OnEpoll, OnIoUring, OnMio, OnLibevent, OnAsio>(measure);
}

// One contender for ours on the default backend, for ours on each other, and for each peer.
template <class... Peers, class Measure>
std::vector<Contender> ours_and(const Measure& measure) {
  return contenders<OurLoop>(measure) + on_other_backends(measure) + contenders<Peers...>(measure);
}

}  // namespace bench

#endif  // MCP_EVENT_BENCH_BACKEND_LOOPS_H
