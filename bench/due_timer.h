// A timer that knows when it is due, by the real clock.
#ifndef MCP_EVENT_BENCH_DUE_TIMER_H
#define MCP_EVENT_BENCH_DUE_TIMER_H

#include <chrono>
#include <cstdint>
#include <functional>
#include <utility>

#include "clock.h"

namespace bench {

template <class Loop>
class DueTimer {
 public:
  // Called with how long after the due time the timer fired; less than 0 is too early.
  using Fired = std::function<void(DueTimer&, std::int64_t late_ns)>;

  DueTimer(Loop& loop, Fired fired)
      : fired_(std::move(fired)), timer_(loop, [this] { fired_(*this, now_ns() - due_ns_); }) {}
  DueTimer(const DueTimer&) = delete;

  void arm(std::chrono::microseconds delay) {
    due_ns_ = now_ns() + delay.count() * 1000;
    timer_.enable(delay);
  }

 private:
  const Fired fired_;
  std::int64_t due_ns_ = 0;
  typename Loop::Timer timer_;
};

}  // namespace bench

#endif  // MCP_EVENT_BENCH_DUE_TIMER_H
