// What file events cost: to create and destroy, to change their mask, and from a ready fd to its callback.

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "clock.h"
#include "file_limit.h"
#include "harness.h"
#include "loop_thread.h"
#include "peers/backend_loops.h"
#include "peers/dispatcher_loop.h"
#include "peers/epoll_floor.h"
#include "peers/libev_loop.h"
#include "peers/libevent_loop.h"
#include "peers/libuv_loop.h"

namespace {

using bench::EpollFloor;
using mcp::event::FileReadyType;

// So many eventfds, always writable, readable once written.
class EventFds {
 public:
  explicit EventFds(std::size_t count) : fds_(count) {
    for (auto& fd : fds_) {
      fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    }
  }
  EventFds(const EventFds&) = delete;
  ~EventFds() {
    for (const int fd : fds_) {
      close(fd);
    }
  }
  std::size_t size() const { return fds_.size(); }
  const std::vector<int>& all() const { return fds_; }
  void make_readable() const {
    for (const int fd : fds_) {
      eventfd_write(fd, 1);
    }
  }

 private:
  std::vector<int> fds_;
};

constexpr std::size_t kRegistered = 1000;

// Nanoseconds to create and to destroy an event: {create, destroy}.
template <class Loop>
std::vector<double> registration_ns(Loop& loop, std::size_t repeats) {
  const EventFds fds(kRegistered);
  std::vector<typename Loop::FileEvent> events;
  events.reserve(fds.size());
  std::vector<double> costs(2, 0);
  for (std::size_t repeat = 0; repeat < repeats; ++repeat) {
    costs[0] += bench::ns_per_op(fds.size() * repeats, [&] {
      for (const int fd : fds.all()) {
        events.emplace_back(loop, fd, [](std::uint32_t) {});
      }
    });
    costs[1] += bench::ns_per_op(fds.size() * repeats, [&] { events.clear(); });
  }
  return costs;
}

template <class Loop>
std::vector<double> registration_inside_ns(std::size_t repeats) {
  Loop loop;
  std::vector<double> costs;
  bench::run_inside(loop, [&] { costs = registration_ns(loop, repeats); });
  return costs;
}

template <class Loop>
std::vector<double> registration_outside_ns(std::size_t repeats) {
  Loop loop;
  return registration_ns(loop, repeats);
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
      events_.push_back(loop_.dispatcher().createFileEvent(
          fd, [](std::uint32_t) {}, mcp::event::PlatformDefaultTriggerType, kRead));
    }
    next_ = loop_.dispatcher().createSchedulableCallback([this] { iterate(); });
  }

  // Nanoseconds a setEnabled, with what the iterations cost besides.
  double run_ns() {
    const auto total = iterations_ * events_.size() * toggles_;
    next_->scheduleCallbackNextIteration();
    return bench::ns_per_op(total, [this] { loop_.run(); });
  }

 private:
  static constexpr auto kRead = static_cast<std::uint32_t>(FileReadyType::Read);
  static constexpr auto kReadWrite = kRead | static_cast<std::uint32_t>(FileReadyType::Write);

  void iterate() {
    for (auto& event : events_) {
      for (std::size_t i = 0; i < toggles_; i += 2) {
        event->setEnabled(kReadWrite);
        event->setEnabled(kRead);
      }
    }
    if (--iterations_ == 0) {
      loop_.stop();
    } else {
      next_->scheduleCallbackNextIteration();
    }
  }

  const std::size_t toggles_;
  std::size_t iterations_;
  const EventFds fds_{kToggling};
  Loop loop_;
  std::vector<mcp::event::FileEventPtr> events_;
  mcp::event::SchedulableCallbackPtr next_;
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
               ours_and<StockLoop, LibeventLoop>([repeats](auto loop) {
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
               ours_and<StockLoop>([](auto loop) {
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
       ours_and<StockLoop, LibeventLoop, LibuvLoop, LibevLoop, EpollFloor>([](auto loop) {
         std::vector<double> costs;
         for (const std::size_t fds : {100, 1000, 5000}) {
           costs.push_back(Readiness<typename decltype(loop)::type>(fds, kReadies / fds).run_ns());
         }
         return costs;
       }),
       3});
  return program.finish();
}
