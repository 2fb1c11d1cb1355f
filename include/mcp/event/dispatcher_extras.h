// What our dispatchers offer beyond the interface in event_loop.h. These are functions, not virtuals, because
// users subclass Dispatcher. They work on dispatchers made by this library (LibeventDispatcher and what
// derives from it); for another one they throw std::invalid_argument.
#ifndef MCP_EVENT_DISPATCHER_EXTRAS_H
#define MCP_EVENT_DISPATCHER_EXTRAS_H

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "mcp/event/event_loop.h"

struct mcp_event_clock;
struct mcp_event_periodic_timer;

namespace mcp_event_impl {
struct ClockAccess;
}

namespace mcp {
namespace event {

// As Dispatcher::post(), but tells whether the post was accepted: false after shutdown(), or when the queue
// is full; the closure is then destroyed before this returns.
bool tryPost(Dispatcher& dispatcher, PostCb callback);

// A closure of any type, behind two functions. Whoever gets it must call `destroy(data)` exactly once.
struct PostTask {
  void (*call)(void* data);
  void (*destroy)(void* data);
  void* data;
};

// Posts `task` and returns as tryPost() does; it destroys the task whatever happens, also when it throws.
bool tryPostTask(Dispatcher& dispatcher, PostTask task);

namespace detail {

// Whether `closure` is something that can be empty (a std::function, a function pointer) and is.
template <typename F>
auto isEmptyClosure(const F& closure, int) -> decltype(static_cast<bool>(closure == nullptr)) {
  return static_cast<bool>(closure == nullptr);
}
template <typename F>
bool isEmptyClosure(const F&, long) {
  return false;
}

}  // namespace detail

// Posts a closure that can only be moved (one that captured a std::unique_ptr, say), in the way of
// Dispatcher::post().
template <typename F>
void post(Dispatcher& dispatcher, F&& closure) {
  using Closure = typename std::decay<F>::type;
  if (detail::isEmptyClosure(closure, 0)) {
    throw std::invalid_argument("post: the callback is empty");
  }
  PostTask task;
  task.call = [](void* data) { (*static_cast<Closure*>(data))(); };
  task.destroy = [](void* data) { delete static_cast<Closure*>(data); };
  task.data = new Closure(std::forward<F>(closure));
  tryPostTask(dispatcher, task);
}

// The poller that the dispatcher really runs on: "epoll", "io_uring", "kqueue", ...
std::string backendName(const Dispatcher& dispatcher);

// A descriptor that becomes readable when the loop has something to do, so that a foreign loop (GLib, Qt,
// libuv) can drive it: when it is readable, or after nextTimeout(), call run(RunType::NonBlock). It stays the
// dispatcher's.
int pollFd(Dispatcher& dispatcher);

// How long a foreign loop may sleep before it must call run(RunType::NonBlock): 0 if something is due,
// negative if only the descriptor can end the sleep.
std::chrono::nanoseconds nextTimeout(Dispatcher& dispatcher);

// Spins for up to `budget` before each sleep, so that what comes meanwhile is seen at once; zero, as at
// first: sleeps at once. If `adaptive`, only while that pays: while what the loop waits for mostly comes
// within the budget; a loop that stays idle stops after a few waits. A spin ends with whatever would end the
// sleep; it takes a processor of its own while it lasts. No loop spins on a SimulatedClock, in a process with
// one processor to run on, or in run(RunType::NonBlock). Throws std::invalid_argument if the budget is
// negative or above a second.
void setBusyPoll(Dispatcher& dispatcher, std::chrono::microseconds budget, bool adaptive = true);

// The distribution of a duration, in microseconds.
struct LoopHistogram {
  uint64_t count;
  uint64_t sum;
  uint64_t p50;
  uint64_t p90;
  uint64_t p99;
  uint64_t max;
};

struct LoopStats {
  // See DispatcherStats; empty until recording began.
  LoopHistogram loop_duration_us;
  LoopHistogram poll_delay_us;
  // Counted since the dispatcher was made.
  uint64_t iterations;
  uint64_t events;
  uint64_t posts_run;
  uint64_t posts_refused;
  uint64_t timers_fired;
  uint64_t deferred_deletes;
  uint64_t wakes;
  // The posts waiting now.
  uint64_t queue_depth;
  // Schedulable callbacks run, and callbacks of signal events.
  uint64_t scheduled_run;
  uint64_t signals;
  // Changes of what is watched that the system refused after the call that asked for them had returned.
  uint64_t registration_errors;
  // How long the loop has spun instead of sleeping, how many times, and how many of these were ended by work.
  uint64_t time_spun_us;
  uint64_t spins;
  uint64_t spins_paid;
  // Messages that the loop's own thread sent to its actors; those of other threads are posts.
  uint64_t mail_run;
  // Callbacks that took longer than setSlowCallbackThreshold() in metrics.h allows.
  uint64_t slow_callbacks;
};

// Starts recording the histograms, and returns the figures so far. The loop may be running.
LoopStats loopStats(Dispatcher& dispatcher);

// Dispatchers on the named poller. Throws std::invalid_argument if `backend` is not the name of one, and
// std::runtime_error if it is not built in or does not work here.
DispatcherFactoryPtr createDispatcherFactory(const std::string& backend);

// Gets what a callback on the thread of `worker` ("worker_3") threw; runs on that thread, outside the loop.
// When it returns, the loop goes on with what is queued; a loop that cannot run any more, and one of the
// user's own dispatchers, ends its thread instead. What it throws itself ends the process.
using WorkerExceptionHandler = std::function<void(const std::string& worker, std::exception_ptr exception)>;

// Replaces the handler of all workers. The default one, which an empty function brings back, writes the
// exception and the worker to the standard error and ends the process as an uncaught exception does.
void setWorkerExceptionHandler(WorkerExceptionHandler handler);

// Time that only moves when told to, for tests. Dispatchers on it may outlive it.
class SimulatedClock {
 public:
  SimulatedClock();
  ~SimulatedClock();
  SimulatedClock(const SimulatedClock&) = delete;
  SimulatedClock& operator=(const SimulatedClock&) = delete;

  // Moves the time on and wakes the loops whose timers expired by it. Throws std::invalid_argument if
  // `duration` is negative.
  void advance(std::chrono::nanoseconds duration);

 private:
  friend struct ::mcp_event_impl::ClockAccess;
  mcp_event_clock* clock_;
};

// A dispatcher whose timers, and whose time, follow `clock`.
DispatcherPtr createDispatcher(const std::string& name, const SimulatedClock& clock);

// Calls back at a fixed rate: 1, 2, 3, ... intervals after it was enabled. It does not drift; when the loop
// was busy for longer than an interval, the ticks missed are skipped. The rules for handles in event_loop.h
// hold.
class PeriodicTimer {
 public:
  // Disabled at first. Throws std::invalid_argument if `callback` is empty.
  PeriodicTimer(Dispatcher& dispatcher, TimerCb callback);
  ~PeriodicTimer();
  PeriodicTimer(const PeriodicTimer&) = delete;
  PeriodicTimer& operator=(const PeriodicTimer&) = delete;

  // Starts it, or starts it anew. Throws std::invalid_argument unless `interval` is positive.
  void enable(std::chrono::microseconds interval);

  void disable();

  // Whether it ticks, also inside its callback.
  bool enabled() const;

 private:
  friend void setLabel(PeriodicTimer& timer, const std::string& label);
  mcp_event_periodic_timer* timer_;
};

}  // namespace event
}  // namespace mcp

#endif  // MCP_EVENT_DISPATCHER_EXTRAS_H
