// How long a loop keeps others waiting, up to the worst of a thousand: from a post to its run, and from a
// timer's due time to its callback, while the loop sleeps or has its hands full.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "busy_threads.h"
#include "clock.h"
#include "due_timer.h"
#include "file_limit.h"
#include "harness.h"
#include "loop_thread.h"
#include "peers/asio_loop.h"
#include "peers/backend_loops.h"
#include "peers/dispatcher_loop.h"
#include "peers/eventfd_floor.h"
#include "peers/libev_loop.h"
#include "peers/libevent_loop.h"
#include "peers/libuv_loop.h"
#include "peers/timerfd_floor.h"
#include "percentiles.h"
#include "ready_fds.h"

namespace {

constexpr int kLoopCpu = 0;
constexpr int kOtherCpu = 1;
constexpr std::size_t kReadyFds = 200;

const std::vector<double> kPercents{50, 99, 99.9};

std::vector<bench::Metric> metrics(std::vector<bench::Goal> of_p99) {
  return {{"p50", "us"}, {"p99", "us", std::move(of_p99)}, {"p99.9", "us"}};
}

// Another thread posts at random moments, 80 microseconds from each other on average.
template <class Loop>
std::vector<double> post_to_run_us(std::size_t posts, std::size_t ready_fds) {
  struct {
    Loop loop;
    std::atomic<bool> runs{false};
    std::vector<std::int64_t> waits_ns;
    const std::size_t posts;
  } state{{}, {}, {}, posts};
  const bench::ReadyFds<Loop> ready(state.loop, ready_fds);
  state.waits_ns.reserve(posts);
  state.loop.post([&state] { state.runs = true; });

  std::thread poster([&state, posts] {
    bench::pin_this_thread(kOtherCpu);
    while (!state.runs) {
    }
    std::minstd_rand random(1);
    std::uniform_int_distribution<std::int64_t> gap_ns(20'000, 140'000);
    for (std::size_t i = 0; i < posts; ++i) {
      for (const auto due = bench::now_ns() + gap_ns(random); bench::now_ns() < due;) {
      }
      // Small enough for every loop to take it without an allocation.
      state.loop.post([&state, posted = bench::now_ns()] {
        state.waits_ns.push_back(bench::now_ns() - posted);
        if (state.waits_ns.size() == state.posts) {
          state.loop.stop();
        }
      });
    }
  });
  state.loop.run();
  poster.join();
  return bench::percentiles_us(std::move(state.waits_ns), kPercents);
}

enum class Processors { kIdle, kBusy };

// Ten timers, each of which is armed again when it fires: one is due every 80 microseconds on average.
template <class Loop>
std::vector<double> distance_from_due_us(std::size_t firings, std::size_t ready_fds, Processors processors) {
  using Timer = bench::DueTimer<Loop>;
  std::optional<bench::BusyThreads> busy;
  if (processors == Processors::kBusy) {
    busy.emplace();
  }
  Loop loop;
  const bench::ReadyFds<Loop> ready(loop, ready_fds);
  std::vector<std::int64_t> distances_ns;
  distances_ns.reserve(firings);
  std::minstd_rand random(1);
  const auto arm = [&random](Timer& timer) {
    timer.arm(std::chrono::microseconds(std::uniform_int_distribution<std::int64_t>(200, 1400)(random)));
  };
  const auto fired = [&](Timer& timer, std::int64_t late_ns) {
    distances_ns.push_back(std::abs(late_ns));
    if (distances_ns.size() < firings) {
      arm(timer);
    } else {
      loop.stop();
    }
  };
  std::vector<std::unique_ptr<Timer>> timers;
  for (int i = 0; i < 10; ++i) {
    timers.push_back(std::make_unique<Timer>(loop, fired));
  }
  loop.post([&timers, &arm] {
    for (auto& timer : timers) {
      arm(*timer);
    }
  });
  loop.run();
  return bench::percentiles_us(std::move(distances_ns), kPercents);
}

// Ours on each backend, and all peers.
template <class Floor, class Measure>
std::vector<bench::Contender> everybody(const Measure& measure) {
  using namespace bench;
  return ours_and<StockLoop, LibeventLoop, LibuvLoop, LibevLoop, AsioLoop, Floor>(measure);
}

bench::Experiment posts(const char* title, std::size_t count, std::size_t ready_fds) {
  return {title, count, metrics({}), everybody<bench::EventfdFloor>([count, ready_fds](auto loop) {
            return post_to_run_us<typename decltype(loop)::type>(count, ready_fds);
          })};
}

bench::Experiment timers(const char* title, std::size_t count, std::size_t ready_fds, Processors processors) {
  return {title, count, metrics({{1.2, bench::TimerfdFloor::kName}}),
          everybody<bench::TimerfdFloor>([count, ready_fds, processors](auto loop) {
            return distance_from_due_us<typename decltype(loop)::type>(count, ready_fds, processors);
          })};
}

}  // namespace

int main(int argc, char** argv) {
  using namespace bench;
  Program program(argc, argv, "latency");
  raise_file_limit();
  pin_this_thread(kLoopCpu);
  // In seven rounds, 21 of the worst thousandth.
  const auto samples = program.count(3000);

  program.run(posts("from a post to its run, the loop asleep", samples, 0));
  program.run(posts("from a post to its run, 200 fds always ready", samples, kReadyFds));
  program.run(
      timers("a timer's distance from due, 200 fds always ready", samples, kReadyFds, Processors::kIdle));
  program.run(
      timers("a timer's distance from due, a busy thread on each processor", samples, 0, Processors::kBusy));
  return program.finish();
}
