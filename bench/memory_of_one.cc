#include "memory_of_one.h"

#include <mcp/event/event_loop.h>
#include <mcp/event/worker_pool.h>

#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

#include "event_fds.h"
#include "loop_thread.h"
#include "memory_use.h"
#include "peers/asio_loop.h"
#include "peers/dispatcher_loop.h"
#include "peers/libev_loop.h"
#include "peers/libevent_loop.h"
#include "peers/libuv_loop.h"

namespace bench {
namespace {

double each(std::size_t before, std::size_t after, std::size_t count) {
  return (static_cast<double>(after) - static_cast<double>(before)) / static_cast<double>(count);
}

// `make()` makes the next one of so many, in a callback of the loop; what it gives is the user's handle.
template <class Loop, class Make>
double bytes_inside(Loop& loop, std::size_t count, const Make& make) {
  double bytes = 0;
  run_inside(loop, [&] {
    const auto before = heap_bytes();
    std::vector<decltype(make(0))> handles;
    handles.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      handles.push_back(make(i));
    }
    bytes = each(before, heap_bytes(), count);
  });
  return bytes;
}

template <class Loop>
double file_event_bytes(std::size_t count) {
  const EventFds fds(count);
  Loop loop;
  return bytes_inside(loop, count, [&](std::size_t i) {
    return typename Loop::FileEvent(loop, fds.all()[i], [](std::uint32_t) {});
  });
}

template <class Loop>
double timer_bytes(std::size_t count) {
  Loop loop;
  return bytes_inside(loop, count, [&](std::size_t) {
    typename Loop::Timer timer(loop, [] {});
    timer.enable(std::chrono::hours(1));
    return timer;
  });
}

template <class Loop>
double post_bytes(std::size_t count) {
  Loop loop;
  std::size_t left = count;
  const auto before = heap_bytes();
  for (std::size_t i = 0; i < count; ++i) {
    loop.post([&] {
      if (--left == 0) {
        loop.stop();
      }
    });
  }
  const auto bytes = each(before, heap_bytes(), count);
  loop.run();
  return bytes;
}

template <class Loop>
double loop_bytes(std::size_t count) {
  std::vector<std::unique_ptr<Loop>> loops(count);
  const auto before = heap_bytes();
  for (auto& loop : loops) {
    loop = std::make_unique<Loop>();
  }
  return each(before, heap_bytes(), count);
}

double schedulable_bytes(std::size_t count) {
  OurLoop loop;
  return bytes_inside(loop, count,
                      [&](std::size_t) { return loop.dispatcher().createSchedulableCallback([] {}); });
}

// With its dispatcher, and the part of its thread's stack that is in use.
double worker_bytes(std::size_t count) {
  const auto before = resident_bytes();
  mcp::event::WorkerPoolOptions options;
  options.min_workers = count;
  mcp::event::WorkerPool pool(options);
  pool.start();
  return each(before, resident_bytes(), count);
}

}  // namespace

Experiment memory_of_one(const Program& program) {
  const auto many = program.count(100'000);
  const auto some = program.count(10'000);
  constexpr std::size_t kLoops = 100;
  constexpr std::size_t kWorkers = 50;
  return {"memory of one, its handle included",
          many,
          {{"file event", "bytes"},
           {"armed timer", "bytes"},
           {"queued post", "bytes"},
           {"loop", "bytes"},
           {"schedulable callback", "bytes"},
           {"running worker, resident", "bytes"}},
          contenders<OurLoop, LibeventLoop, LibuvLoop, LibevLoop, AsioLoop>([=](auto loop) {
            using Loop = typename decltype(loop)::type;
            constexpr bool kIsOurs = std::is_same<Loop, OurLoop>::value;
            return std::vector<double>{file_event_bytes<Loop>(some),
                                       timer_bytes<Loop>(many),
                                       post_bytes<Loop>(many),
                                       loop_bytes<Loop>(kLoops),
                                       kIsOurs ? schedulable_bytes(many) : NAN,
                                       kIsOurs ? worker_bytes(kWorkers) : NAN};
          })};
}

}  // namespace bench
