// A callback that schedules itself again and again.
#ifndef MCP_EVENT_BENCH_CHAINED_CALLBACKS_H
#define MCP_EVENT_BENCH_CHAINED_CALLBACKS_H

#include <mcp/event/event_loop.h>

#include <cstddef>

#include "clock.h"

namespace bench {

using Schedule = void (mcp::event::SchedulableCallback::*)();

template <class Loop>
class ChainedCallbacks {
 public:
  ChainedCallbacks(Schedule schedule, std::size_t total) : schedule_(schedule), total_(total), left_(total) {}

  // Nanoseconds a scheduling and its run.
  double run_ns() {
    schedule();
    return ns_per_op(total_, [this] { loop_.run(); });
  }

 private:
  void schedule() { ((*callback_).*schedule_)(); }
  void next() {
    if (--left_ == 0) {
      loop_.stop();
    } else {
      schedule();
    }
  }

  const Schedule schedule_;
  const std::size_t total_;
  std::size_t left_;
  Loop loop_;
  const mcp::event::SchedulableCallbackPtr callback_ =
      loop_.dispatcher().createSchedulableCallback([this] { next(); });
};

}  // namespace bench

#endif  // MCP_EVENT_BENCH_CHAINED_CALLBACKS_H
