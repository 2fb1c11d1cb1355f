#include "mcp/event/guard_dog.h"

#include <memory>
#include <stdexcept>

#include "cpp/c_text.h"
#include "cpp/dispatcher_access.h"
#include "cpp/errors.h"
#include "cpp/pool_access.h"
#include "cpp/server_conversion.h"

namespace mcp_event_impl {
namespace {

using mcp::event::GuardDogEvent;
using mcp::event::GuardDogOptions;
using mcp::event::GuardDogReport;
using mcp::event::StuckThread;
using std::chrono::microseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// Is touched through the core.
class TouchedWatchDog final : public mcp::event::WatchDog {
 public:
  TouchedWatchDog(mcp_event_guard_dog* dog, const std::string& name, std::thread::id thread_id)
      : thread_id_(thread_id) {
    check(mcp_event_guard_dog_watch_touched(dog, toCText(name), &watch_));
  }
  ~TouchedWatchDog() override { mcp_event_touched_watch_destroy(watch_); }
  TouchedWatchDog(const TouchedWatchDog&) = delete;
  TouchedWatchDog& operator=(const TouchedWatchDog&) = delete;

  void touch() override { mcp_event_touched_watch_touch(watch_); }
  std::thread::id threadId() const override { return thread_id_; }
  steady_clock::time_point lastTouchTime() const override {
    int64_t last_seen = 0;
    check(mcp_event_touched_watch_last_seen_ns(watch_, &last_seen));
    return steady_clock::time_point(
        std::chrono::duration_cast<steady_clock::duration>(nanoseconds(last_seen)));
  }

 private:
  const std::thread::id thread_id_;
  mcp_event_touched_watch* watch_ = nullptr;
};

int64_t toThreshold(microseconds threshold) {
  return threshold.count() == 0 ? MCP_EVENT_GUARD_DOG_NEVER : threshold.count();
}

mcp_event_guard_dog_options toCOptions(const GuardDogOptions& options) {
  mcp_event_guard_dog_options c_options = {};
  c_options.size = sizeof c_options;
  c_options.miss_us = toThreshold(options.miss);
  c_options.megamiss_us = toThreshold(options.megamiss);
  c_options.kill_us = toThreshold(options.kill);
  c_options.multikill_us = toThreshold(options.multikill);
  c_options.multikill_share = options.multikill_share;
  c_options.interval_us = options.interval.count();
  c_options.kill_grace_us = options.kill_grace.count();
  c_options.flags = (options.abort_on_kill ? 0 : MCP_EVENT_GUARD_DOG_NO_ABORT) |
                    (options.backtraces ? 0 : MCP_EVENT_GUARD_DOG_NO_BACKTRACES) |
                    (options.tracked_objects ? 0 : MCP_EVENT_GUARD_DOG_NO_TRACKED_OBJECTS);
  c_options.backtrace_signal = options.backtrace_signal;
  c_options.clock = options.clock == nullptr ? nullptr : ClockAccess::clock(*options.clock);
  return c_options;
}

std::string orEmpty(const char* text) { return text == nullptr ? std::string() : text; }

StuckThread toStuckThread(const mcp_event_guard_dog_report* report, size_t index) {
  mcp_event_stuck_thread found = {};
  found.size = sizeof found;
  check(mcp_event_guard_dog_report_thread(report, index, &found));
  StuckThread thread;
  thread.name = found.name;
  thread.stuck_for = microseconds(found.stuck_us);
  thread.thread_id = found.thread_id;
  thread.doing = orEmpty(found.doing);
  thread.tracked_objects = orEmpty(found.tracked_objects);
  thread.backtrace = orEmpty(found.backtrace);
  thread.misses = found.misses;
  thread.megamisses = found.megamisses;
  return thread;
}

GuardDogReport toReport(const mcp_event_guard_dog_report* found) {
  int event = 0;
  const char* text = nullptr;
  size_t size = 0;
  check(mcp_event_guard_dog_report_event(found, &event));
  check(mcp_event_guard_dog_report_text(found, &text));
  check(mcp_event_guard_dog_report_size(found, &size));
  GuardDogReport report;
  report.event = static_cast<GuardDogEvent>(event);
  report.text = text;
  for (size_t i = 0; i < size; ++i) {
    report.threads.push_back(toStuckThread(found, i));
  }
  return report;
}

}  // namespace
}  // namespace mcp_event_impl

namespace mcp {
namespace event {

using mcp_event_impl::check;
using mcp_event_impl::DispatcherAccess;

GuardDog::GuardDog(const GuardDogOptions& options) {
  const mcp_event_guard_dog_options c_options = mcp_event_impl::toCOptions(options);
  check(mcp_event_guard_dog_create(&c_options, &dog_));
}

GuardDog::~GuardDog() {
  if (dog_ != nullptr) {
    mcp_event_guard_dog_destroy(dog_);
  }
}

void GuardDog::watch(Dispatcher& dispatcher) {
  check(mcp_event_guard_dog_watch(dog_, DispatcherAccess::require(dispatcher, "GuardDog::watch")));
}

void GuardDog::watch(ThreadPool& pool) {
  for (size_t i = 0; i < pool.size(); ++i) {
    watch(pool.getWorker(i).dispatcher());
  }
}

void GuardDog::watch(WorkerPool& pool) {
  check(mcp_event_guard_dog_watch_pool(dog_, mcp_event_impl::PoolAccess::handle(pool)));
}

WatchDogSharedPtr GuardDog::watchTouched(const std::string& name, std::thread::id thread) {
  return std::make_shared<mcp_event_impl::TouchedWatchDog>(dog_, name, thread);
}

bool GuardDog::unwatch(Dispatcher& dispatcher) {
  const mcp_event_status status =
      mcp_event_guard_dog_unwatch(dog_, DispatcherAccess::require(dispatcher, "GuardDog::unwatch"));
  if (status == MCP_EVENT_NOT_FOUND) {
    return false;
  }
  check(status);
  return true;
}

void GuardDog::on(GuardDogEvent event, Action action) {
  mcp_event_impl::requireCallback(action, "GuardDog::on");
  auto owned = std::make_unique<Action>(std::move(action));
  mcp_event_guard_dog_closure closure = {};
  closure.call = [](void* data, const mcp_event_guard_dog_report* report) {
    (*static_cast<Action*>(data))(mcp_event_impl::toReport(report));
  };
  closure.data = owned.get();
  closure.drop = [](void* data) { delete static_cast<Action*>(data); };
  check(mcp_event_guard_dog_on(dog_, static_cast<int>(event), closure));
  owned.release();
}

void GuardDog::scan() { check(mcp_event_guard_dog_scan(dog_)); }

void GuardDog::stop() { check(mcp_event_guard_dog_stop(dog_)); }

GuardDogFigures GuardDog::figures() const {
  mcp_event_guard_dog_figures found = {};
  found.size = sizeof found;
  check(mcp_event_guard_dog_get_figures(dog_, &found));
  return {found.scans,      found.misses,         found.megamisses,     found.kills,  found.multikills,
          found.recoveries, found.dropped_events, found.failed_actions, found.watched};
}

WatchedFigures GuardDog::figures(Dispatcher& dispatcher) const {
  mcp_event_watched_figures found = {};
  found.size = sizeof found;
  mcp_event_dispatcher* const core = DispatcherAccess::require(dispatcher, "GuardDog::figures");
  const mcp_event_status status = mcp_event_guard_dog_get_watched_figures(dog_, core, &found);
  if (status == MCP_EVENT_NOT_FOUND) {
    throw std::invalid_argument(std::string("GuardDog::figures: ") + mcp_event_last_error());
  }
  check(status);
  return {found.misses, found.megamisses, std::chrono::microseconds(found.stuck_us)};
}

}  // namespace event
}  // namespace mcp
