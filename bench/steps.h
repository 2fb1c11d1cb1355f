// Times work that is done on a loop.
#ifndef MCP_EVENT_BENCH_STEPS_H
#define MCP_EVENT_BENCH_STEPS_H

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "clock.h"

namespace bench {

// Runs each step in an iteration of its own, one after the other, on this thread. A step's time lasts until
// the next step begins: what a loop puts off until the callback has returned, or until it polls, is counted
// too.
template <class Loop>
class Steps {
 public:
  Steps(Loop& loop, std::vector<std::function<void()>> steps)
      : loop_(loop), steps_(std::move(steps)), next_(loop, [this] { next(); }) {}

  // Wall time of each step, in nanoseconds.
  std::vector<double> run() {
    next_.enable(std::chrono::microseconds(0));
    loop_.run();
    return std::move(times_);
  }

 private:
  void next() {
    const auto now = now_ns();
    if (done_ > 0) {
      times_.push_back(static_cast<double>(now - started_));
    }
    if (done_ == steps_.size()) {
      loop_.stop();
      return;
    }
    started_ = now_ns();
    steps_[done_++]();
    next_.enable(std::chrono::microseconds(0));
  }

  Loop& loop_;
  const std::vector<std::function<void()>> steps_;
  typename Loop::Timer next_;
  std::size_t done_ = 0;
  std::int64_t started_ = 0;
  std::vector<double> times_;
};

}  // namespace bench

#endif  // MCP_EVENT_BENCH_STEPS_H
