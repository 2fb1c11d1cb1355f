// Posts of other threads to a loop that runs.
#ifndef MCP_EVENT_BENCH_FOREIGN_POSTS_H
#define MCP_EVENT_BENCH_FOREIGN_POSTS_H

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "clock.h"
#include "loop_thread.h"

namespace bench {

// How many words a closure carries besides a pointer: with few, it fits into a std::function.
inline constexpr std::size_t kFewWords = 1;
inline constexpr std::size_t kManyWords = 5;

// Wall time a closure, from the producers' start until the last closure has run.
template <class Loop, std::size_t Words>
double foreign_post_ns(std::size_t producers, std::size_t total) {
  struct State {
    LoopThread<Loop> consumer;
    std::size_t left;
    std::int64_t end = 0;

    explicit State(std::size_t total) : left(total) {}
  } state(total);

  std::atomic<bool> go{false};
  const auto produce = [&state, &go](std::size_t posts) {
    while (!go) {
      std::this_thread::yield();
    }
    for (; posts > 0; --posts) {
      state.consumer.loop.post([&state, carried = std::array<std::size_t, Words>{1}] {
        state.left -= carried[0];
        if (state.left == 0) {
          state.end = now_ns();
          state.consumer.loop.stop();
        }
      });
    }
  };
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < producers; ++i) {
    others.emplace_back(produce, total / producers);
  }
  const auto start = now_ns();
  go = true;
  produce(total - others.size() * (total / producers));
  for (auto& thread : others) {
    thread.join();
  }
  state.consumer.join();
  return static_cast<double>(state.end - start) / static_cast<double>(total);
}

}  // namespace bench

#endif  // MCP_EVENT_BENCH_FOREIGN_POSTS_H
