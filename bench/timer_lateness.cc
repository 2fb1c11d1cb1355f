#include "timer_lateness.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "clock.h"
#include "peers/asio_loop.h"
#include "peers/dispatcher_loop.h"
#include "peers/libev_loop.h"
#include "peers/libevent_loop.h"
#include "peers/libuv_loop.h"
#include "peers/timerfd_floor.h"

namespace bench {
namespace {

// A callback works for a while, then arms a burst of timers; each notes how long after its due time, by the
// real clock, it fired.
template <class Loop>
struct Burst {
  struct One {
    Burst& burst;
    typename Loop::Timer timer;
    std::int64_t due_ns = 0;

    explicit One(Burst& burst) : burst(burst), timer(burst.loop, [this] { this->burst.fired(*this); }) {}
    void arm(std::chrono::microseconds delay) {
      due_ns = now_ns() + delay.count() * 1000;
      timer.enable(delay);
    }
  };

  Loop loop;
  std::vector<std::unique_ptr<One>> timers;
  std::vector<std::int64_t> lateness_ns;

  void fired(const One& one) {
    lateness_ns.push_back(now_ns() - one.due_ns);
    if (lateness_ns.size() == timers.size()) {
      loop.stop();
    }
  }
};

template <class Loop>
std::vector<double> punctuality(std::size_t count, std::chrono::microseconds longest) {
  Burst<Loop> burst;
  for (std::size_t i = 0; i < count; ++i) {
    burst.timers.push_back(std::make_unique<typename Burst<Loop>::One>(burst));
  }
  burst.loop.post([&burst, longest] {
    for (const auto start = now_ns(); now_ns() - start < 5'000'000;) {
    }
    std::minstd_rand random(1);
    std::uniform_int_distribution<std::int64_t> delay(1'000, longest.count());
    for (auto& one : burst.timers) {
      one->arm(std::chrono::microseconds(delay(random)));
    }
  });
  burst.loop.run();

  auto& distances = burst.lateness_ns;
  const auto early =
      std::count_if(distances.begin(), distances.end(), [](std::int64_t ns) { return ns < 0; });
  std::transform(distances.begin(), distances.end(), distances.begin(),
                 [](std::int64_t ns) { return std::abs(ns); });
  std::sort(distances.begin(), distances.end());
  const auto us_at = [&distances](std::size_t percent) {
    return static_cast<double>(distances[distances.size() * percent / 100]) / 1000;
  };
  return {100.0 * static_cast<double>(early) / static_cast<double>(count), us_at(50), us_at(99)};
}

}  // namespace

Experiment timer_lateness(const Program& program) {
  const std::size_t count = program.count(1000);
  const auto longest = std::chrono::milliseconds(program.quick() ? 10 : 200);
  return {"a burst of timers over 200 ms",
          count,
          {{"fired early", "%", {{0, "", 0}}},
           {"median distance from due", "us"},
           {"p99 distance from due", "us", {{1.2, TimerfdFloor::kName}}}},
          contenders<OurLoop, StockLoop, LibeventLoop, LibuvLoop, LibevLoop, AsioLoop, TimerfdFloor>(
              [=](auto loop) { return punctuality<typename decltype(loop)::type>(count, longest); })};
}

}  // namespace bench
