// The dispatchers of a system of actors, as the C ABI and as C++ know them.
#ifndef MCP_EVENT_CPP_ACTOR_LOOPS_H
#define MCP_EVENT_CPP_ACTOR_LOOPS_H

#include <stdexcept>
#include <utility>
#include <vector>

#include "cpp/bridge.h"
#include "cpp/hidden.h"
#include "mcp/event/actor.h"

namespace mcp {
namespace event {
namespace detail {

class MCP_EVENT_HIDDEN ActorLoops {
 public:
  explicit ActorLoops(std::vector<Dispatcher*> dispatchers) : dispatchers_(std::move(dispatchers)) {}

  // Learns what the C ABI calls them, in their order. Before there are actors.
  void setCores(std::vector<mcp_event_dispatcher*> cores) { cores_ = std::move(cores); }

  Dispatcher& at(size_t worker) const { return *dispatchers_.at(worker); }

  Dispatcher& of(const mcp_event_dispatcher* core) const {
    for (size_t i = 0; i < cores_.size(); ++i) {
      if (cores_[i] == core) {
        return *dispatchers_[i];
      }
    }
    throw std::logic_error("the dispatcher is none of this system's");
  }

 private:
  std::vector<Dispatcher*> dispatchers_;
  std::vector<mcp_event_dispatcher*> cores_;
};

}  // namespace detail
}  // namespace event
}  // namespace mcp

#endif  // MCP_EVENT_CPP_ACTOR_LOOPS_H
