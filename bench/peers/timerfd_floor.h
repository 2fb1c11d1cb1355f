// The floor for timers: a sorted list of deadlines and one timerfd, set to the exact time of the first.
#ifndef MCP_EVENT_BENCH_TIMERFD_FLOOR_H
#define MCP_EVENT_BENCH_TIMERFD_FLOOR_H

#include <sys/timerfd.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "../clock.h"
#include "epoll_floor.h"

namespace bench {

class TimerfdFloor : public EpollFloor {
 public:
  static constexpr const char* kName = "floor (timerfd)";

  ~TimerfdFloor() { close(timerfd_); }

  // Before run() only.
  void post(std::function<void()> closure) { start_ = std::move(closure); }
  void run() {
    const FileEvent expiry(*this, timerfd_, [this](std::uint32_t) { fire(); });
    start_();
    set_timerfd();
    EpollFloor::run();
  }

  // Armed in the first closure, or when another timer fires.
  class Timer {
   public:
    Timer(TimerfdFloor& loop, std::function<void()> closure) : loop_(&loop), closure_(std::move(closure)) {}
    void enable(std::chrono::microseconds delay) {
      loop_->deadlines_.emplace(now_ns() + delay.count() * 1000, closure_);
    }

   private:
    TimerfdFloor* loop_;
    std::function<void()> closure_;
  };

 private:
  void fire() {
    std::uint64_t expirations;
    (void)!read(timerfd_, &expirations, sizeof expirations);
    while (!deadlines_.empty() && deadlines_.begin()->first <= now_ns()) {
      const auto due = deadlines_.extract(deadlines_.begin());
      due.mapped()();
    }
    set_timerfd();
  }

  void set_timerfd() {
    if (!deadlines_.empty()) {
      const auto first = deadlines_.begin()->first;
      const itimerspec at{{0, 0}, {first / 1'000'000'000, first % 1'000'000'000}};
      timerfd_settime(timerfd_, TFD_TIMER_ABSTIME, &at, nullptr);
    }
  }

  const int timerfd_ = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  std::multimap<std::int64_t, std::function<void()>> deadlines_;
  std::function<void()> start_;
};

}  // namespace bench

#endif  // MCP_EVENT_BENCH_TIMERFD_FLOOR_H
