// What timers cost: to create and destroy, to arm, rearm and disarm beside many others, in memory. When they
// fire is measured in timer_lateness.cc.

#include <malloc.h>

#include <cstddef>
#include <vector>

#include "clock.h"
#include "harness.h"
#include "loop_thread.h"
#include "memory_use.h"
#include "peers/asio_loop.h"
#include "peers/backend_loops.h"
#include "peers/dispatcher_loop.h"
#include "peers/libev_loop.h"
#include "peers/libevent_loop.h"
#include "peers/libuv_loop.h"
#include "timer_lateness.h"
#include "timer_lives.h"

namespace {

using bench::Delays;

// Of a few timers many times over, then of many timers once: ten figures.
template <class Loop>
std::vector<double> lives_in_callbacks_ns(const Delays& few, std::size_t repeats, const Delays& many) {
  std::vector<double> costs;
  {
    Loop loop;
    costs = bench::life_in_callbacks_ns(loop, few, repeats);
    const auto costs_of_many = bench::life_in_callbacks_ns(loop, many, 1);
    costs.insert(costs.end(), costs_of_many.begin(), costs_of_many.end());
  }
  // The next contender shall find the heap as this one did.
  malloc_trim(0);
  return costs;
}

template <class Loop>
std::vector<double> life_outside_ns(const Delays& delays, std::size_t repeats) {
  Loop loop;
  bench::TimerLives<Loop> lives(loop, delays);
  std::vector<double> costs(lives.kSteps, 0);
  for (std::size_t repeat = 0; repeat < repeats; ++repeat) {
    const auto steps = lives.steps();
    for (std::size_t i = 0; i < steps.size(); ++i) {
      costs[i] += bench::ns_per_op(delays.size() * repeats, steps[i]);
    }
  }
  return costs;
}

template <class Loop>
double bytes_per_armed_timer(const Delays& delays) {
  Loop loop;
  double bytes = 0;
  bench::run_inside(loop, [&] {
    const auto before = bench::heap_bytes();
    std::vector<typename Loop::Timer> timers;
    timers.reserve(delays.size());
    for (const auto delay : delays) {
      timers.emplace_back(loop, [] {});
      timers.back().enable(delay);
    }
    bytes = static_cast<double>(bench::heap_bytes() - before) / static_cast<double>(delays.size());
  });
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace bench;
  Program program(argc, argv, "timers");
  const auto few = random_delays(10'000);
  const auto many = random_delays(program.count(1'000'000));
  const auto repeats = program.count(20);
  const auto third_of_stock = std::vector<Goal>{{1.0 / 3, StockLoop::kName}};

  // "Flat" leaves room for the caches: a million timers do not fit into them.
  const auto flat = [&](const char* metric) {
    return std::vector<Goal>{{1.0 / 5, StockLoop::kName}, {2, kOurs, 0, metric}};
  };

  program.run({"in a callback",
               few.size() * repeats + many.size(),
               {{"create, 10k live", "ns", third_of_stock},
                {"arm, 10k live", "ns", third_of_stock},
                {"rearm, 10k live", "ns", third_of_stock},
                {"disarm, 10k live", "ns", third_of_stock},
                {"destroy, 10k live", "ns", third_of_stock},
                {"create, 1M live", "ns"},
                {"arm, 1M live", "ns", flat("arm, 10k live")},
                {"rearm, 1M live", "ns", flat("rearm, 10k live")},
                {"disarm, 1M live", "ns", flat("disarm, 10k live")},
                {"destroy, 1M live", "ns"}},
               ours_and<StockLoop, LibeventLoop, LibuvLoop, LibevLoop, AsioLoop>([&](auto loop) {
                 return lives_in_callbacks_ns<typename decltype(loop)::type>(few, repeats, many);
               })});
  program.run({"while the loop does not run",
               few.size() * repeats,
               {{"create, 10k live", "ns"},
                {"arm, 10k live", "ns"},
                {"rearm, 10k live", "ns"},
                {"disarm, 10k live", "ns"},
                {"destroy, 10k live", "ns"}},
               ours_and<StockLoop>(
                   [&](auto loop) { return life_outside_ns<typename decltype(loop)::type>(few, repeats); })});
  program.run({"memory, 1,000,000 armed",
               many.size(),
               {{"an armed timer", "bytes", {{0, "", 128}}}},
               ours_and<StockLoop, LibeventLoop, LibuvLoop, LibevLoop, AsioLoop>(
                   [&](auto loop) -> std::vector<double> {
                     return {bytes_per_armed_timer<typename decltype(loop)::type>(many)};
                   })});
  program.run(timer_lateness(program));
  return program.finish();
}
