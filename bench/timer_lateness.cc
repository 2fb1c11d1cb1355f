#include "timer_lateness.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "clock.h"
#include "due_timer.h"
#include "peers/asio_loop.h"
#include "peers/backend_loops.h"
#include "peers/dispatcher_loop.h"
#include "peers/libev_loop.h"
#include "peers/libevent_loop.h"
#include "peers/libuv_loop.h"
#include "peers/timerfd_floor.h"
#include "percentiles.h"

namespace bench {
namespace {

// A callback works for a while, then arms a burst of timers. How many per cent of them fire early, and how
// far from their due time the median and the worst per cent do.
template <class Loop>
std::vector<double> punctuality(std::size_t count, std::chrono::microseconds longest) {
  using Timer = DueTimer<Loop>;
  Loop loop;
  std::size_t early = 0;
  std::vector<std::int64_t> distances_ns;
  const auto fired = [&](Timer&, std::int64_t late_ns) {
    early += late_ns < 0 ? 1 : 0;
    distances_ns.push_back(std::abs(late_ns));
    if (distances_ns.size() == count) {
      loop.stop();
    }
  };
  std::vector<std::unique_ptr<Timer>> timers;
  for (std::size_t i = 0; i < count; ++i) {
    timers.push_back(std::make_unique<Timer>(loop, fired));
  }
  loop.post([&timers, longest] {
    for (const auto start = now_ns(); now_ns() - start < 5'000'000;) {
    }
    std::minstd_rand random(1);
    std::uniform_int_distribution<std::int64_t> delay(1'000, longest.count());
    for (auto& timer : timers) {
      timer->arm(std::chrono::microseconds(delay(random)));
    }
  });
  loop.run();

  const auto distances = percentiles_us(std::move(distances_ns), {50, 99});
  return {100.0 * static_cast<double>(early) / static_cast<double>(count), distances[0], distances[1]};
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
          ours_and<StockLoop, LibeventLoop, LibuvLoop, LibevLoop, AsioLoop, TimerfdFloor>(
              [=](auto loop) { return punctuality<typename decltype(loop)::type>(count, longest); })};
}

}  // namespace bench
