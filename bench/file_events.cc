// What file events cost: to create and destroy, to change their mask, and from a ready fd to its callback.

#include <sys/eventfd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "clock.h"
#include "event_fds.h"
#include "file_limit.h"
#include "harness.h"
#include "peers/asio_loop.h"
#include "peers/backend_loops.h"
#include "peers/dispatcher_loop.h"
#include "peers/epoll_floor.h"
#include "peers/libev_loop.h"
#include "peers/libevent_loop.h"
#include "peers/libuv_loop.h"
#include "steps.h"

namespace {

using bench::EpollFloor;
using bench::EventFds;
using mcp::event::FileReadyType;

constexpr std::size_t kRegistered = 1000;

// As many events, created and destroyed: two steps, as often as asked for.
template <class Loop>
class Registration {
 public:
  explicit Registration(Loop& loop) : loop_(loop) { events_.reserve(fds_.size()); }

  std::vector<std::function<void()>> steps(std::size_t repeats) {
    std::vector<std::function<void()>> steps;
    for (; repeats > 0; --repeats) {
      steps.emplace_back([this] {
        for (const int fd : fds_.all()) {
          events_.emplace_back(loop_, fd, [](std::uint32_t) {});
        }
      });
      steps.emplace_back([this] { events_.clear(); });
    }
    return steps;
  }

  // Nanoseconds an event, of the wall time of all steps: {create, destroy}.
  static std::vector<double> costs(const std::vector<double>& times) {
    std::vector<double> costs(2, 0);
    for (std::size_t i = 0; i < times.size(); ++i) {
      costs[i % 2] += 2 * times[i] / static_cast<double>(kRegistered * times.size());
    }
    return costs;
  }

 private:
  Loop& loop_;
  const EventFds fds_{kRegistered};
  std::vector<typename Loop::FileEvent> events_;
};

template <class Loop>
std::vector<double> registration_inside_ns(std::size_t repeats) {
  Loop loop;
  Registration<Loop> registration(loop);
  return registration.costs(bench::Steps<Loop>(loop, registration.steps(repeats)).run());
}

template <class Loop>
std::vector<double> registration_outside_ns(std::size_t repeats) {
  Loop loop;
  Registration<Loop> registration(loop);
  std::vector<double> times;
  for (const auto& step : registration.steps(repeats)) {
    times.push_back(bench::ns_per_op(1, step));
  }
  return registration.costs(times);
}

// The system calls alone.
std::vector<double> bare_registration_ns(std::size_t repeats) {
  EpollFloor floor;
  const EventFds fds(kRegistered);
  std::vector<double> costs(2, 0);
  for (std::size_t repeat = 0; repeat < repeats; ++repeat) {
    for (const int operation : {EPOLL_CTL_ADD, EPOLL_CTL_DEL}) {
      costs[operation == EPOLL_CTL_DEL] += bench::ns_per_op(fds.size() * repeats, [&] {
        for (const int fd : fds.all()) {
          floor.control(operation, fd, EPOLLIN | EPOLLET, nullptr);
        }
      });
    }
  }
  return costs;
}

constexpr std::size_t kToggling = 100;

// As many events whose masks change in every iteration; in the end each waits for reading only, as before.
template <class Loop>
class Toggling {
 public:
  Toggling(std::size_t toggles, std::size_t iterations) : toggles_(toggles), iterations_(iterations) {
    for (const int fd : fds_.all()) {
      events_.emplace_back(loop_, fd, [](std::uint32_t) {});
    }
  }

  // Nanoseconds a change, with what the iterations cost besides.
  double run_ns() {
    const auto total = iterations_ * events_.size() * toggles_;
    next_.enable(kNow);
    return bench::ns_per_op(total, [this] { loop_.run(); });
  }

 private:
  static constexpr std::chrono::microseconds kNow{0};

  void iterate() {
    for (auto& event : events_) {
      for (std::size_t i = 0; i < toggles_; i += 2) {
        event.watch_writes(true);
        event.watch_writes(false);
      }
    }
    if (--iterations_ == 0) {
      loop_.stop();
    } else {
      next_.enable(kNow);
    }
  }

  const std::size_t toggles_;
  std::size_t iterations_;
  const EventFds fds_{kToggling};
  Loop loop_;
  std::vector<typename Loop::FileEvent> events_;
  typename Loop::Timer next_{loop_, [this] { iterate(); }};
};

// All of `fds` become ready together, again and again; their callbacks read them.
template <class Loop>
class Readiness {
 public:
  Readiness(std::size_t fds, std::size_t cycles) : fds_(fds), cycles_(cycles) {
    events_.reserve(fds);
    for (const int fd : fds_.all()) {
      events_.emplace_back(loop_, fd, [this, fd](std::uint32_t) { read_one(fd); });
    }
  }

  // Nanoseconds from a ready fd to the end of its callback. Making them ready is not counted.
  double run_ns() {
    const auto total = static_cast<double>(fds_.size() * cycles_);
    start_cycle();
    loop_.run();
    return static_cast<double>(spent_ns_) / total;
  }

 private:
  void start_cycle() {
    fds_.make_readable();
    unread_ = fds_.size();
    started_ns_ = bench::now_ns();
  }

  void read_one(int fd) {
    eventfd_t value;
    if (eventfd_read(fd, &value) != 0 || --unread_ > 0) {
      return;
    }
    spent_ns_ += bench::now_ns() - started_ns_;
    if (--cycles_ == 0) {
      loop_.stop();
    } else {
      start_cycle();
    }
  }

  const EventFds fds_;
  std::size_t cycles_;
  Loop loop_;
  std::vector<typename Loop::FileEvent> events_;
  std::size_t unread_ = 0;
  std::int64_t started_ns_ = 0;
  std::int64_t spent_ns_ = 0;
};

// So many fds stay ready, and their level events are called in every iteration.
template <class Loop>
class Lasting {
 public:
  Lasting(std::size_t fds, std::size_t iterations) : fds_(fds), calls_(fds * iterations) {
    fds_.make_readable();
    for (const int fd : fds_.all()) {
      events_.push_back(loop_.dispatcher().createFileEvent(
          fd, [this](std::uint32_t) { count(); }, mcp::event::FileTriggerType::Level,
          static_cast<std::uint32_t>(FileReadyType::Read)));
    }
  }

  // Nanoseconds a call.
  double run_ns() {
    return bench::ns_per_op(calls_, [this] { loop_.run(); });
  }

 private:
  void count() {
    if (++called_ == calls_) {
      loop_.stop();
    }
  }

  const EventFds fds_;
  const std::size_t calls_;
  std::size_t called_ = 0;
  Loop loop_;
  std::vector<mcp::event::FileEventPtr> events_;
};

constexpr const char* kBare = "floor (epoll_ctl)";

}  // namespace

int main(int argc, char** argv) {
  using namespace bench;
  Program program(argc, argv, "file_events");
  raise_file_limit();
  const auto repeats = program.count(50);
  // With --quick too: beside them, creating the events must not count.
  constexpr std::size_t kToggles = 100'000;
  constexpr std::size_t kReadies = 60'000;
  const std::vector<Metric> registration{{"create", "ns", {{1, kBare, 100}}},
                                         {"destroy", "ns", {{1, kBare, 100}}}};
  const std::vector<Contender> bare{{kBare, [repeats] { return bare_registration_ns(repeats); }}};

  program.run({"in a callback", kRegistered * repeats, registration,
               ours_and<StockLoop, LibeventLoop, LibuvLoop, LibevLoop, AsioLoop>([repeats](auto loop) {
                 return registration_inside_ns<typename decltype(loop)::type>(repeats);
               }) + bare});
  program.run({"while the loop does not run", kRegistered * repeats, registration,
               ours_and<StockLoop, LibeventLoop>([repeats](auto loop) {
                 return registration_outside_ns<typename decltype(loop)::type>(repeats);
               }) + bare});
  program.run({"setEnabled",
               2 * kToggles,
               {{"2 an event an iteration", "ns"},
                {"100 an event an iteration", "ns", {{1.0 / 20, StockLoop::kName}}}},
               ours_and<StockLoop, LibeventLoop, LibuvLoop, LibevLoop>([](auto loop) {
                 std::vector<double> costs;
                 for (const std::size_t each : {2, 100}) {
                   costs.push_back(
                       Toggling<typename decltype(loop)::type>(each, kToggles / each / kToggling).run_ns());
                 }
                 return costs;
               })});
  const std::vector<Goal> near_floor{{1.05, EpollFloor::kName}};
  program.run(
      {"from a ready fd to the end of its callback",
       3 * kReadies,
       {{"100 fds", "ns", near_floor}, {"1000 fds", "ns", near_floor}, {"5000 fds", "ns", near_floor}},
       ours_and<StockLoop, LibeventLoop, LibuvLoop, LibevLoop, AsioLoop, EpollFloor>([](auto loop) {
         std::vector<double> costs;
         for (const std::size_t fds : {100, 1000, 5000}) {
           costs.push_back(Readiness<typename decltype(loop)::type>(fds, kReadies / fds).run_ns());
         }
         return costs;
       }),
       3});
  program.run({"an fd that stays ready, on level",
               3 * kReadies,
               {{"10 fds", "ns"}, {"100 fds", "ns"}, {"1000 fds", "ns"}},
               ours_and<StockLoop>([](auto loop) {
                 std::vector<double> costs;
                 for (const std::size_t fds : {10, 100, 1000}) {
                   costs.push_back(Lasting<typename decltype(loop)::type>(fds, kReadies / fds).run_ns());
                 }
                 return costs;
               })});
  return program.finish();
}
