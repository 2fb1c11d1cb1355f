// What file events cost: to create and destroy, to change their mask, and from a ready fd to its callback.

#include <cstddef>
#include <cstdint>
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
#include "readiness.h"
#include "registration.h"
#include "steps.h"
#include "toggling.h"

namespace {

using bench::EpollFloor;
using bench::EventFds;
using mcp::event::FileReadyType;

template <class Loop>
std::vector<double> registration_inside_ns(std::size_t repeats) {
  Loop loop;
  bench::Registration<Loop> registration(loop);
  return registration.costs(bench::Steps<Loop>(loop, registration.steps(repeats)).run());
}

template <class Loop>
std::vector<double> registration_outside_ns(std::size_t repeats) {
  Loop loop;
  bench::Registration<Loop> registration(loop);
  std::vector<double> times;
  for (const auto& step : registration.steps(repeats)) {
    times.push_back(bench::ns_per_op(1, step));
  }
  return registration.costs(times);
}

// The system calls alone.
std::vector<double> bare_registration_ns(std::size_t repeats) {
  EpollFloor floor;
  const EventFds fds(bench::kRegistered);
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
