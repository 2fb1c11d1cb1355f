// Posts of a loop to itself, each by the closure before.
#ifndef MCP_EVENT_BENCH_CHAINED_POSTS_H
#define MCP_EVENT_BENCH_CHAINED_POSTS_H

#include <cstddef>

#include "clock.h"

namespace bench {

template <class Loop>
class ChainedPosts {
 public:
  explicit ChainedPosts(std::size_t total) : total_(total), left_(total) {}

  // Nanoseconds a post and its run.
  double run_ns() {
    loop_.post([this] { next(); });
    return ns_per_op(total_, [this] { loop_.run(); });
  }

 private:
  void next() {
    if (--left_ == 0) {
      loop_.stop();
    } else {
      loop_.post([this] { next(); });
    }
  }

  const std::size_t total_;
  std::size_t left_;
  Loop loop_;
};

}  // namespace bench

#endif  // MCP_EVENT_BENCH_CHAINED_POSTS_H
