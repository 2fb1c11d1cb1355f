// Work whose instructions bench/guard.sh has callgrind count: for each operation a line that says how many
// there are, in the order in which bench_counted() is called.
//
// Nothing here waits for another thread, and no figure depends on how fast anything is: threads follow each
// other, and where a deadline matters time is simulated.

#include <mcp/event/dispatcher_extras.h>
#include <mcp/event/stream.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "chained_callbacks.h"
#include "chained_posts.h"
#include "deferred_deletes.h"
#include "peers/dispatcher_loop.h"
#include "readiness.h"
#include "registration.h"
#include "steps.h"
#include "timer_lives.h"
#include "toggling.h"

// What callgrind's options name: it counts inside this function alone, on whatever thread.
extern "C" [[gnu::noinline]] void bench_counted(const std::function<void()>& work) { work(); }

namespace {

using bench::OurLoop;

void count(const char* operation, std::size_t operations, const std::function<void()>& work) {
  bench_counted(work);
  std::printf("%zu|%s\n", operations, operation);
}

void count_own_posts() {
  constexpr std::size_t kPosts = 4000;
  bench::ChainedPosts<OurLoop> posts(kPosts);
  count("a post to the own loop, and its run", kPosts, [&] { posts.run_ns(); });
}

// Another thread posts while the loop is away; then the loop runs the posts.
void count_foreign_posts() {
  constexpr std::size_t kPosts = 4000;
  OurLoop loop;
  std::size_t left = kPosts;
  std::thread([&] {
    count("a post from another thread, to its return", kPosts, [&] {
      for (std::size_t i = 0; i < kPosts; ++i) {
        loop.post([&] {
          if (--left == 0) {
            loop.stop();
          }
        });
      }
    });
  }).join();
  count("a post from another thread, from the queue to its end", kPosts, [&] { loop.run(); });
}

void count_schedules() {
  using mcp::event::SchedulableCallback;
  constexpr std::size_t kSchedules = 4000;
  bench::ChainedCallbacks<OurLoop> current(&SchedulableCallback::scheduleCallbackCurrentIteration,
                                           kSchedules);
  count("a callback scheduled for this iteration, and its run", kSchedules, [&] { current.run_ns(); });
  bench::ChainedCallbacks<OurLoop> next(&SchedulableCallback::scheduleCallbackNextIteration, kSchedules);
  count("a callback scheduled for the next iteration, which polls, and its run", kSchedules,
        [&] { next.run_ns(); });
}

void count_deferred_deletes() {
  constexpr std::size_t kBatches = 4;
  bench::DeferredDeletes<OurLoop> deletes(kBatches);
  count("a deferred deletion, with the object's own new and delete", kBatches * bench::kBatch,
        [&] { deletes.run_ns(); });
}

constexpr std::size_t kTimers = 2000;

void count_timer_lives() {
  const auto delays = bench::random_delays(kTimers);
  OurLoop loop;
  bench::TimerLives<OurLoop> lives(loop, delays);
  bench::Steps<OurLoop> inside(loop, lives.steps());
  count("a timer's life (create, arm, rearm, disarm, destroy) in a callback", kTimers, [&] { inside.run(); });
  count("a timer's life while the loop does not run", kTimers, [&] {
    for (const auto& step : lives.steps()) {
      step();
    }
  });
}

class SimulatedLoop : public bench::DispatcherLoop {
 public:
  explicit SimulatedLoop(const mcp::event::SimulatedClock& clock)
      : DispatcherLoop(mcp::event::createDispatcher("guard", clock)) {}
};

void count_expiries() {
  const auto delays = bench::random_delays(kTimers);
  mcp::event::SimulatedClock clock;
  SimulatedLoop loop(clock);
  std::size_t left = kTimers;
  std::vector<SimulatedLoop::Timer> timers;
  for (const auto delay : delays) {
    timers.emplace_back(loop, [&] {
      if (--left == 0) {
        loop.stop();
      }
    });
    timers.back().enable(delay);
  }
  clock.advance(*std::max_element(delays.begin(), delays.end()));
  count("a timer's expiry and its callback", kTimers, [&] { loop.run(); });
}

void count_file_event_lives() {
  OurLoop loop;
  bench::Registration<OurLoop> registration(loop);
  bench::Steps<OurLoop> inside(loop, registration.steps(1));
  count("a file event's life (create, destroy) in a callback", bench::kRegistered, [&] { inside.run(); });
  count("a file event's life while the loop does not run", bench::kRegistered, [&] {
    for (const auto& step : registration.steps(1)) {
      step();
    }
  });
}

void count_mask_changes() {
  constexpr std::size_t kIterations = 20;
  for (const auto& [operation, changes] : {std::pair{"a change of a mask, 2 in an iteration", 2},
                                           {"a change of a mask, 100 in an iteration", 100}}) {
    const auto each = static_cast<std::size_t>(changes);
    bench::Toggling<OurLoop> toggling(each, kIterations);
    count(operation, each * kIterations * bench::kToggling, [&] { toggling.run_ns(); });
  }
}

void count_readiness() {
  constexpr std::size_t kFds = 100;
  constexpr std::size_t kCycles = 20;
  bench::Readiness<OurLoop> readiness(kFds, kCycles);
  count("a ready fd to its callback, its eventfd's write and read included", kFds * kCycles,
        [&] { readiness.run_ns(); });
}

// Two ends of a connection on one loop; one says again whatever the other says.
void count_echoes() {
  constexpr std::size_t kEchoes = 1000;
  const char message[64] = {};
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
    throw std::system_error(errno, std::generic_category(), "socketpair");
  }
  OurLoop loop;
  mcp::event::Stream client(loop.dispatcher(), ends[0]);
  mcp::event::Stream server(loop.dispatcher(), ends[1]);
  std::size_t left = kEchoes;
  server.receive([&](const auto& received) { server.send(received.data, received.size); });
  client.receive([&](const auto&) {
    if (--left == 0) {
      loop.stop();
    } else {
      client.send(message, sizeof message);
    }
  });
  client.send(message, sizeof message);
  count("a message of 64 bytes through a stream, and its echo", kEchoes, [&] { loop.run(); });
}

void count_dispatchers() {
  constexpr std::size_t kDispatchers = 20;
  count("a dispatcher, made and destroyed", kDispatchers, [] {
    for (std::size_t i = 0; i < kDispatchers; ++i) {
      OurLoop();
    }
  });
}

}  // namespace

int main() {
  count_own_posts();
  count_foreign_posts();
  count_schedules();
  count_deferred_deletes();
  count_timer_lives();
  count_expiries();
  count_file_event_lives();
  count_mask_changes();
  count_readiness();
  count_echoes();
  count_dispatchers();
}
