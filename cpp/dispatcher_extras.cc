#include "mcp/event/dispatcher_extras.h"

#include <string>
#include <utility>

#include "cpp/dispatcher_access.h"
#include "cpp/errors.h"
#include "cpp/post.h"

namespace mcp_event_impl {
namespace {

using mcp::event::PostTask;

// Owns a task.
class OwnedTask {
 public:
  explicit OwnedTask(PostTask task) : task_(task) {}
  OwnedTask(OwnedTask&& other) noexcept : task_(other.task_) { other.task_.destroy = nullptr; }
  OwnedTask& operator=(OwnedTask&&) = delete;
  ~OwnedTask() {
    if (task_.destroy != nullptr) {
      task_.destroy(task_.data);
    }
  }

  void operator()() { task_.call(task_.data); }

 private:
  PostTask task_;
};

mcp::event::LoopHistogram toLoopHistogram(const mcp_event_histogram& figures) {
  return {figures.count, figures.sum, figures.p50, figures.p90, figures.p99, figures.max};
}

}  // namespace

mcp::event::LoopStats toLoopStats(const mcp_event_stats& figures) {
  mcp::event::LoopStats stats;
  stats.loop_duration_us = toLoopHistogram(figures.loop_duration_us);
  stats.poll_delay_us = toLoopHistogram(figures.poll_delay_us);
  stats.iterations = figures.iterations;
  stats.events = figures.events;
  stats.posts_run = figures.posts_run;
  stats.posts_refused = figures.posts_refused;
  stats.timers_fired = figures.timers_fired;
  stats.deferred_deletes = figures.deferred_deletes;
  stats.wakes = figures.wakes;
  stats.queue_depth = figures.queue_depth;
  stats.scheduled_run = figures.scheduled_run;
  stats.signals = figures.signals;
  stats.registration_errors = figures.registration_errors;
  stats.time_spun_us = figures.time_spun_us;
  stats.spins = figures.spins;
  stats.spins_paid = figures.spins_paid;
  stats.mail_run = figures.mail_run;
  stats.slow_callbacks = figures.slow_callbacks;
  stats.submitted_run = figures.submitted_run;
  return stats;
}

}  // namespace mcp_event_impl

namespace mcp {
namespace event {

using mcp_event_impl::check;
using mcp_event_impl::DispatcherAccess;

bool tryPost(Dispatcher& dispatcher, PostCb callback) {
  mcp_event_dispatcher* const core = DispatcherAccess::require(dispatcher, "tryPost");
  return mcp_event_impl::tryPostCallback(core, callback, "tryPost");
}

bool tryPostTask(Dispatcher& dispatcher, PostTask task) {
  mcp_event_impl::OwnedTask owned(task);
  return mcp_event_impl::tryPost(DispatcherAccess::require(dispatcher, "tryPostTask"), owned);
}

std::string backendName(const Dispatcher& dispatcher) {
  const char* name = nullptr;
  check(mcp_event_dispatcher_backend(DispatcherAccess::require(dispatcher, "backendName"), &name));
  return name;
}

int pollFd(Dispatcher& dispatcher) {
  int fd = -1;
  check(mcp_event_dispatcher_poll_fd(DispatcherAccess::require(dispatcher, "pollFd"), &fd));
  return fd;
}

std::chrono::nanoseconds nextTimeout(Dispatcher& dispatcher) {
  int64_t nanoseconds = -1;
  check(mcp_event_dispatcher_next_timeout_ns(DispatcherAccess::require(dispatcher, "nextTimeout"),
                                             &nanoseconds));
  return std::chrono::nanoseconds(nanoseconds);
}

void setBusyPoll(Dispatcher& dispatcher, std::chrono::microseconds budget, bool adaptive) {
  check(mcp_event_dispatcher_set_busy_poll(DispatcherAccess::require(dispatcher, "setBusyPoll"),
                                           budget.count(), adaptive));
}

LoopStats loopStats(Dispatcher& dispatcher) {
  return mcp_event_impl::toLoopStats(
      mcp_event_impl::readStats(DispatcherAccess::require(dispatcher, "loopStats")));
}

}  // namespace event
}  // namespace mcp
