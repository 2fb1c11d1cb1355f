// What a hop from one loop to another costs: two loops, each on its own processor, post to each other in
// turn.

#include <sys/eventfd.h>

#include <cstddef>
#include <cstdint>

#include "clock.h"
#include "harness.h"
#include "loop_thread.h"
#include "peers/asio_loop.h"
#include "peers/backend_loops.h"
#include "peers/dispatcher_loop.h"
#include "peers/epoll_floor.h"
#include "peers/libev_loop.h"
#include "peers/libevent_loop.h"
#include "peers/libuv_loop.h"

namespace {

using bench::EpollFloor;
using bench::LoopThread;

template <class Loop>
struct Side {
  LoopThread<Loop> home;
  Side* other = nullptr;
  std::size_t left;

  // The closure holds one pointer, so no loop has to allocate for it.
  void hop() {
    if (left-- == 0) {
      other->home.loop.post([this] { other->home.loop.stop(); });
      home.loop.stop();
    } else {
      other->home.loop.post([this] { other->hop(); });
    }
  }
};

template <class Loop>
double hop_us(std::size_t hops) {
  Side<Loop> left{LoopThread<Loop>(0), nullptr, hops / 2};
  Side<Loop> right{LoopThread<Loop>(1), &left, hops / 2};
  left.other = &right;
  const auto start = bench::now_ns();
  left.home.loop.post([&left] { left.hop(); });
  left.home.join();
  right.home.join();
  return static_cast<double>(bench::now_ns() - start) / static_cast<double>(hops) / 1000;
}

// The kernel's wake alone: an eventfd each way, watched by an epoll each.
double floor_hop_us(std::size_t hops) {
  struct {
    EpollFloor loop;
    int wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  } sides[2];

  const auto play = [&sides, hops](int cpu) {
    bench::pin_this_thread(cpu);
    auto& here = sides[cpu];
    auto& there = sides[1 - cpu];
    std::size_t left = hops / 2;
    EpollFloor::FileEvent event(here.loop, here.wake, [&](std::uint32_t) {
      eventfd_write(there.wake, 1);
      if (--left == 0) {
        here.loop.stop();
      }
    });
    here.loop.run();
  };
  std::thread right(play, 1);
  std::thread left(play, 0);
  const auto start = bench::now_ns();
  eventfd_write(sides[0].wake, 1);
  left.join();
  right.join();
  const auto end = bench::now_ns();
  close(sides[0].wake);
  close(sides[1].wake);
  return static_cast<double>(end - start) / static_cast<double>(hops) / 1000;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace bench;
  Program program(argc, argv, "ping_pong");
  const auto hops = program.count(10'000);

  program.run({"from loop to loop and back",
               hops,
               {{"hop", "us", {{1, EpollFloor::kName}, {0.1, EpollFloor::kName, 0, "", BusyLoop::kName}}}},
               ours_and<BusyLoop, StockLoop, AsioLoop, LibeventLoop, LibuvLoop, LibevLoop>(
                   [hops](auto loop) -> std::vector<double> {
                     return {hop_us<typename decltype(loop)::type>(hops)};
                   }) +
                   std::vector<Contender>{
                       {EpollFloor::kName, [hops] { return std::vector<double>{floor_hop_us(hops)}; }}}});
  return program.finish();
}
