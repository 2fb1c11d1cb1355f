// The lives of timers: created, armed, armed again, disarmed, destroyed.
#ifndef MCP_EVENT_BENCH_TIMER_LIVES_H
#define MCP_EVENT_BENCH_TIMER_LIVES_H

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <utility>
#include <vector>

#include "steps.h"

namespace bench {

using Delays = std::vector<std::chrono::microseconds>;

// The time-outs of connections: between a second and ten minutes, in no order.
inline Delays random_delays(std::size_t count) {
  std::minstd_rand random(1);
  std::uniform_int_distribution<std::int64_t> delay(1'000'000, 600'000'000);
  Delays delays(count);
  for (auto& one : delays) {
    one = std::chrono::microseconds(delay(random));
  }
  return delays;
}

// A timer's life in five steps, each done to all timers in the order of their creation.
template <class Loop>
class TimerLives {
 public:
  static constexpr std::size_t kSteps = 5;

  TimerLives(Loop& loop, const Delays& delays) : loop_(loop), delays_(delays) {
    timers_.reserve(delays.size());
  }

  std::vector<std::function<void()>> steps() {
    const auto count = delays_.size();
    return {[this, count] {  // create
              for (std::size_t i = 0; i < count; ++i) {
                timers_.emplace_back(loop_, [this] { ++fired_; });
              }
            },
            [this, count] {  // arm
              for (std::size_t i = 0; i < count; ++i) {
                timers_[i].enable(delays_[i]);
              }
            },
            [this, count] {  // rearm
              for (std::size_t i = 0; i < count; ++i) {
                timers_[i].enable(delays_[count - 1 - i]);
              }
            },
            [this, count] {  // disarm
              for (std::size_t i = 0; i < count; ++i) {
                timers_[i].disable();
              }
            },
            [this] {  // destroy
              timers_.clear();
            }};
  }

 private:
  Loop& loop_;
  const Delays& delays_;
  std::vector<typename Loop::Timer> timers_;
  std::size_t fired_ = 0;
};

// Nanoseconds a timer for each step, on average over `repeats` lives.
template <class Loop>
std::vector<double> life_in_callbacks_ns(Loop& loop, const Delays& delays, std::size_t repeats) {
  TimerLives<Loop> lives(loop, delays);
  std::vector<std::function<void()>> steps;
  for (std::size_t repeat = 0; repeat < repeats; ++repeat) {
    for (auto& step : lives.steps()) {
      steps.push_back(std::move(step));
    }
  }
  const auto times = Steps<Loop>(loop, std::move(steps)).run();
  std::vector<double> costs(lives.kSteps, 0);
  for (std::size_t i = 0; i < times.size(); ++i) {
    costs[i % lives.kSteps] += times[i] / static_cast<double>(delays.size() * repeats);
  }
  return costs;
}

}  // namespace bench

#endif  // MCP_EVENT_BENCH_TIMER_LIVES_H
