// What scheduling a callback for the current or for the next iteration costs, each scheduling itself again.

#include <sys/eventfd.h>

#include <cmath>
#include <cstddef>

#include "chained_callbacks.h"
#include "clock.h"
#include "harness.h"
#include "peers/backend_loops.h"
#include "peers/dispatcher_loop.h"
#include "peers/epoll_floor.h"

namespace {

// What every next iteration has to pay: a look at the poller that finds nothing.
double empty_poll_ns(std::size_t total) {
  const int poller = epoll_create1(EPOLL_CLOEXEC);
  const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
  const auto cost = bench::ns_per_op(total, [&] {
    for (std::size_t i = 0; i < total; ++i) {
      epoll_wait(poller, &event, 1, 0);
    }
  });
  close(fd);
  close(poller);
  return cost;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace bench;
  Program program(argc, argv, "schedule");
  const auto total = program.count(200'000);

  program.run({"chained callbacks",
               2 * total,
               {{"current iteration", "ns", {{1.0 / 40, StockLoop::kName}}},
                {"next iteration", "ns", {{1.0 / 3, StockLoop::kName}}}},
               ours_and<StockLoop>([total](auto loop) -> std::vector<double> {
                 using Loop = typename decltype(loop)::type;
                 const auto chained_ns = [total](Schedule schedule) {
                   return ChainedCallbacks<Loop>(schedule, total).run_ns();
                 };
                 return {chained_ns(&mcp::event::SchedulableCallback::scheduleCallbackCurrentIteration),
                         chained_ns(&mcp::event::SchedulableCallback::scheduleCallbackNextIteration)};
               }) + std::vector<Contender>{{"floor (an empty poll)", [total] {
                                              return std::vector<double>{NAN, empty_poll_ns(total)};
                                            }}}});
  return program.finish();
}
