// What a post costs: from one or four other threads to a loop that runs, and from the loop to itself.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "clock.h"
#include "harness.h"
#include "loop_thread.h"
#include "peers/asio_loop.h"
#include "peers/backend_loops.h"
#include "peers/crossbeam_loop.h"
#include "peers/dispatcher_loop.h"
#include "peers/libev_loop.h"
#include "peers/libevent_loop.h"
#include "peers/libuv_loop.h"

namespace {

// How many words a closure carries besides a pointer: with few, it fits into a std::function.
constexpr std::size_t kFewWords = 1;
constexpr std::size_t kManyWords = 5;

// Wall time a closure, from the producers' start until the last closure has run.
template <class Loop, std::size_t Words>
double foreign_post_ns(std::size_t producers, std::size_t total) {
  struct State {
    bench::LoopThread<Loop> consumer;
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
          state.end = bench::now_ns();
          state.consumer.loop.stop();
        }
      });
    }
  };
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < producers; ++i) {
    others.emplace_back(produce, total / producers);
  }
  const auto start = bench::now_ns();
  go = true;
  produce(total - others.size() * (total / producers));
  for (auto& thread : others) {
    thread.join();
  }
  state.consumer.join();
  return static_cast<double>(state.end - start) / static_cast<double>(total);
}

template <class Loop>
struct Chain {
  Loop loop;
  std::size_t left;

  void next() {
    if (--left == 0) {
      loop.stop();
    } else {
      loop.post([this] { next(); });
    }
  }
};

template <class Loop>
double chained_post_ns(std::size_t total) {
  Chain<Loop> chain{{}, total};
  chain.loop.post([&chain] { chain.next(); });
  return bench::ns_per_op(total, [&chain] { chain.loop.run(); });
}

}  // namespace

int main(int argc, char** argv) {
  using namespace bench;
  Program program(argc, argv, "post");
  const auto posts = program.count(500'000);
  const auto chained = program.count(200'000);

  program.run({"one producer thread",
               posts,
               {{"post", "ns", {{1.0 / 4, StockLoop::kName}, {0.8, CrossbeamLoop::kName}}}},
               ours_and<StockLoop, CrossbeamLoop, AsioLoop, LibeventLoop, LibuvLoop, LibevLoop>(
                   [posts](auto loop) -> std::vector<double> {
                     return {foreign_post_ns<typename decltype(loop)::type, kFewWords>(1, posts)};
                   })});
  program.run({"four producer threads",
               posts,
               {{"post", "ns", {{1.0 / 5, StockLoop::kName}}}},
               ours_and<StockLoop, CrossbeamLoop, AsioLoop, LibeventLoop, LibuvLoop, LibevLoop>(
                   [posts](auto loop) -> std::vector<double> {
                     return {foreign_post_ns<typename decltype(loop)::type, kFewWords>(4, posts)};
                   })});
  program.run({"one producer thread, closures of 48 bytes",
               posts,
               {{"post", "ns"}},
               ours_and<StockLoop, AsioLoop, LibeventLoop, LibuvLoop, LibevLoop>(
                   [posts](auto loop) -> std::vector<double> {
                     return {foreign_post_ns<typename decltype(loop)::type, kManyWords>(1, posts)};
                   })});
  program.run({"to itself, chained",
               chained,
               {{"post", "ns", {{1.0 / 40, StockLoop::kName}, {0.5, AsioLoop::kName}}}},
               ours_and<StockLoop, AsioLoop, LibeventLoop, LibuvLoop, LibevLoop>(
                   [chained](auto loop) -> std::vector<double> {
                     return {chained_post_ns<typename decltype(loop)::type>(chained)};
                   })});
  return program.finish();
}
