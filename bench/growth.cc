// What an operation costs as there is more of everything: descriptors, timers, producers, queued posts, bytes
// in a stream; and the memory of one of each.

#include <mcp/event/stream.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "clock.h"
#include "file_limit.h"
#include "foreign_posts.h"
#include "harness.h"
#include "loop_thread.h"
#include "memory_of_one.h"
#include "memory_use.h"
#include "peers/asio_loop.h"
#include "peers/dispatcher_loop.h"
#include "peers/libev_loop.h"
#include "peers/libevent_loop.h"
#include "peers/libuv_loop.h"
#include "readiness.h"
#include "timer_lives.h"

namespace {

using Sizes = std::vector<std::size_t>;

// 15k, 4, 10M
std::string short_number(std::size_t number) {
  if (number >= 1'000'000) {
    return std::to_string(number / 1'000'000) + "M";
  }
  return number >= 1000 ? std::to_string(number / 1000) + "k" : std::to_string(number);
}

// For each size a metric of each curve.
std::vector<bench::Metric> metrics(const std::vector<std::string>& curves, const Sizes& sizes,
                                   const std::string& things) {
  std::vector<bench::Metric> metrics;
  for (const auto size : sizes) {
    for (const auto& curve : curves) {
      metrics.push_back({curve + " (" + things + ": " + short_number(size) + ")",
                         "ns",
                         {},
                         curve + ", by " + things,
                         size});
    }
  }
  return metrics;
}

// Their figures, in the same order: those of one size after those of another.
std::vector<double> at_each(const Sizes& sizes,
                            const std::function<std::vector<double>(std::size_t)>& measure) {
  std::vector<double> figures;
  for (const auto size : sizes) {
    const auto more = measure(size);
    figures.insert(figures.end(), more.begin(), more.end());
  }
  return figures;
}

// All timers become due while a callback sleeps; then theirs run. Nanoseconds a timer.
template <class Loop>
double expiry_ns(std::size_t count) {
  using std::chrono::microseconds;
  // Until the last one is armed; and the time within which all are due.
  const microseconds first(1000 + std::min<std::size_t>(count, 2'000'000));
  constexpr microseconds kSpread{10'000};
  std::minstd_rand random(1);
  std::uniform_int_distribution<std::int64_t> delay(first.count(), (first + kSpread).count());
  Loop loop;
  std::vector<typename Loop::Timer> timers;
  timers.reserve(count);
  std::size_t left = count;
  std::size_t due = 0;
  std::int64_t start = 0;
  std::int64_t end = 0;
  loop.post([&] {
    for (std::size_t i = 0; i < count; ++i) {
      timers.emplace_back(loop, [&] {
        if (--left == 0) {
          end = bench::now_ns();
          loop.stop();
        }
      });
      timers.back().enable(microseconds(delay(random)));
    }
    // Ours count the delays of the last ones from the end of this callback.
    loop.post([&] {
      // libuv's are due up to a millisecond later.
      std::this_thread::sleep_for(first + kSpread + std::chrono::milliseconds(2));
      due = left;
      start = bench::now_ns();
    });
  });
  loop.run();
  return due == 0 ? NAN : static_cast<double>(end - start) / static_cast<double>(due);
}

template <class Loop>
std::vector<double> timers_ns(std::size_t count) {
  const auto delays = bench::random_delays(count);
  std::vector<double> costs;
  {
    Loop loop;
    const auto life = bench::life_in_callbacks_ns(loop, delays, std::max<std::size_t>(1, 100'000 / count));
    costs.assign(life.begin() + 1, life.begin() + 4);
  }
  costs.push_back(expiry_ns<Loop>(count));
  // The next contender shall find the heap as this one did.
  malloc_trim(0);
  return costs;
}

// So many posts are queued while the loop is away, then run: the cost of either.
template <class Loop>
std::vector<double> queue_ns(std::size_t posts) {
  Loop loop;
  std::size_t left = posts;
  const auto post = bench::ns_per_op(posts, [&] {
    for (std::size_t i = 0; i < posts; ++i) {
      loop.post([&] {
        if (--left == 0) {
          loop.stop();
        }
      });
    }
  });
  return {post, bench::ns_per_op(posts, [&loop] { loop.run(); })};
}

constexpr std::size_t kMebibyte = 1 << 20;
constexpr std::size_t kSent = 4096;

// So many bytes are given to a stream before its peer, on the same loop, receives the first: the cost of
// giving 4 KiB, and of their way from there to the peer.
std::vector<double> outbox_ns(std::size_t bytes) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
    throw std::system_error(errno, std::generic_category(), "socketpair");
  }
  bench::OurLoop loop;
  mcp::event::Stream sender(loop.dispatcher(), ends[0]);
  mcp::event::Stream receiver(loop.dispatcher(), ends[1]);
  std::size_t left = bytes;
  receiver.receive([&](const auto& received) {
    left -= received.size;
    if (left == 0) {
      loop.stop();
    }
  });
  const std::vector<char> part(kSent);
  const auto give = bench::ns_per_op(bytes / kSent, [&] {
    for (std::size_t given = 0; given < bytes; given += kSent) {
      sender.send(part.data(), part.size());
    }
  });
  return {give, bench::ns_per_op(bytes / kSent, [&loop] { loop.run(); })};
}

// Those of `full` that are small enough for a quick run.
Sizes sizes(const bench::Program& program, Sizes full) {
  if (program.quick()) {
    full.erase(std::remove_if(full.begin(), full.end(), [](auto size) { return size > 10'000; }), full.end());
  }
  return full;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace bench;
  Program program(argc, argv, "growth", 3);
  raise_file_limit();

  const auto fds = sizes(program, {1, 10, 100, 1000, 10'000, 15'000});
  const auto cycles = program.count(20'000);
  program.run({"one fd is ready", cycles * fds.size(), metrics({"ready fd, all others idle"}, fds, "fds"),
               contenders<OurLoop, LibeventLoop, LibuvLoop, LibevLoop, AsioLoop>([&](auto loop) {
                 return at_each(fds, [&](std::size_t count) -> std::vector<double> {
                   return {Readiness<typename decltype(loop)::type>(1, cycles, count - 1).run_ns()};
                 });
               })});
  const auto calls = program.count(60'000);
  program.run({"all fds are ready", calls * fds.size(), metrics({"ready fd, as all others"}, fds, "fds"),
               contenders<OurLoop, LibeventLoop, LibuvLoop, LibevLoop, AsioLoop>([&](auto loop) {
                 return at_each(fds, [&](std::size_t count) -> std::vector<double> {
                   const auto rounds = std::max<std::size_t>(1, calls / count);
                   return {Readiness<typename decltype(loop)::type>(count, rounds).run_ns()};
                 });
               })});

  const std::vector<std::string> steps{"arm a timer", "arm it again", "disarm it",
                                       "expiry and callback of a timer"};
  const auto live = sizes(program, {1000, 10'000, 100'000, 1'000'000});
  program.run({"timers", *std::max_element(live.begin(), live.end()), metrics(steps, live, "live timers"),
               contenders<OurLoop, LibeventLoop, LibuvLoop, LibevLoop, AsioLoop>(
                   [&](auto loop) { return at_each(live, timers_ns<typename decltype(loop)::type>); })});
  // A timer, its handle and its delay, for every one of ten million.
  constexpr std::size_t kMost = 10'000'000;
  if (!program.quick() && available_bytes() > kMost * 256) {
    program.run({"ten million timers", kMost, metrics(steps, {kMost}, "live timers"),
                 contenders<OurLoop>([](auto) { return timers_ns<OurLoop>(kMost); })});
  }

  const Sizes producers{1, 2, 4, 8};
  const auto posts = program.count(200'000);
  program.run({"producers", posts * producers.size(), metrics({"post"}, producers, "producers"),
               contenders<OurLoop, LibuvLoop, AsioLoop>([&](auto loop) {
                 return at_each(producers, [posts](std::size_t threads) -> std::vector<double> {
                   return {foreign_post_ns<typename decltype(loop)::type, kFewWords>(threads, posts)};
                 });
               })});
  // Ours takes 64 bytes for each: 64 KB to 64 MB.
  const auto queued = sizes(program, {1000, 10'000, 100'000, 1'000'000});
  program.run({"a queue of posts", *std::max_element(queued.begin(), queued.end()),
               metrics({"post to a loop that is away", "run a queued post"}, queued, "posts queued"),
               contenders<OurLoop, LibuvLoop, AsioLoop>(
                   [&](auto loop) { return at_each(queued, queue_ns<typename decltype(loop)::type>); })});
  const Sizes mebibytes = program.quick() ? Sizes{1, 4} : Sizes{1, 4, 16, 64};
  program.run({"bytes in a stream", mebibytes.back() * kMebibyte / kSent,
               metrics({"give 4 KiB to a stream", "4 KiB on their way to its peer"}, mebibytes, "MiB queued"),
               contenders<OurLoop>([&](auto) {
                 return at_each(mebibytes, [](std::size_t size) { return outbox_ns(size * kMebibyte); });
               })});
  program.run(memory_of_one(program));
  return program.finish();
}
