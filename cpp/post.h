// Posting a closure of any type that fits into the core's post.
#ifndef MCP_EVENT_CPP_POST_H
#define MCP_EVENT_CPP_POST_H

#include <cstdint>
#include <new>
#include <utility>

#include "cpp/bridge.h"
#include "cpp/errors.h"
#include "cpp/hidden.h"

namespace mcp_event_impl MCP_EVENT_HIDDEN {

template <typename Closure>
struct PostOps {
  static const mcpev_post_ops kOps;

  static void init(void* storage, void* from) noexcept {
    static_assert(sizeof(Closure) <= MCPEV_POST_STORAGE, "the closure must fit into a post");
    static_assert(alignof(Closure) <= alignof(void*), "a post is aligned for pointers only");
    ::new (storage) Closure(std::move(*static_cast<Closure*>(from)));
  }
  static void* run(void* storage) noexcept {
    auto* const stored = static_cast<Closure*>(storage);
    Closure closure(std::move(*stored));
    stored->~Closure();
    return catchInto(closure);
  }
  static void drop(void* storage) noexcept { static_cast<Closure*>(storage)->~Closure(); }
};

template <typename Closure>
const mcpev_post_ops PostOps<Closure>::kOps = {init, run, drop};

// Posts `closure`, which is moved from; false if the post was refused, with `closure` as it was. The core
// moves it on as bytes, so it must not point into itself.
template <typename Closure>
bool tryPost(mcp_event_dispatcher* dispatcher, Closure& closure) {
  const mcp_event_status status = mcpev_post(dispatcher, &PostOps<Closure>::kOps, &closure);
  if (status == MCP_EVENT_CLOSED || status == MCP_EVENT_QUEUE_FULL) {
    return false;
  }
  check(status);
  return true;
}

}  // namespace MCP_EVENT_HIDDEN

#endif  // MCP_EVENT_CPP_POST_H
