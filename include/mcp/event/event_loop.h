// The event loop that C++ programs of the Model Context Protocol run on: one thread, one Dispatcher, and on
// it posts, timers, file events, signals and deferred deletion; plus workers and a pool to run several of
// them.
//
// The order of one iteration, which everything below refers to:
//   compute the timeout -> poll -> refresh the approximate time
//   -> signals, then ready file events
//   -> expired timers by deadline, with those that have come due meanwhile; then activations, then "next
//      iteration" callbacks, each in FIFO order
//   -> the tail: deferred deletes, posts, deferred deletes and "current iteration" callbacks, until none is
//      left or the budget of an iteration is spent (so that an endless chain of posts starves nobody)
//
// Rules that hold for every class, unless its own comment says otherwise:
//   Threads     Any function may be called from any thread, before, while and after the loop runs.
//   Lifetimes   A handle (TimerPtr, FileEventPtr, SchedulableCallbackPtr, SignalEventPtr) may outlive its
//               dispatcher and is inert from then on. A callback may destroy its own handle, any other handle
//               and the dispatcher itself, even before a call on them that brought the callback about has
//               returned on another thread. After disabling, cancelling or destroying a handle returned, none
//               of its callbacks begins. Destroying it on another thread waits for its running callback (but
//               not if the caller is itself in a dispatcher's callback): never do so holding what the
//               callback waits for.
//   Errors      A refused argument is std::invalid_argument, an empty callback included; a refusal by the
//               operating system is std::system_error; use in a wrong state is std::logic_error, and so is
//               running a loop, or watching something on it, in a forked child. Destroying, disabling,
//               cancelling, setEnabled(0), exit(), shutdown() and clearing never throw.
//   Exceptions  One that leaves a callback stops the loop after that callback, and run() rethrows it. All
//               that was queued stays queued for the next run().
//
// The classes are interfaces: subclass them freely. The order of their virtual functions, the values of the
// enums and the layout of the structs are ABI and never change.
#ifndef MCP_EVENT_EVENT_LOOP_H
#define MCP_EVENT_EVENT_LOOP_H

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <thread>

#ifdef _WIN32
#include <winsock2.h>
#endif

// Code written for the SDK expects its optional/variant shim to come with this header.
#if defined(__has_include)
#if __has_include("mcp/core/compat.h")
#include "mcp/core/compat.h"
#endif
#endif

namespace mcp {
namespace event {

// A file descriptor, as the operating system names it.
#ifdef _WIN32
using os_fd_t = SOCKET;
#else
using os_fd_t = int;
#endif

class Dispatcher;
class ScaledRangeTimerManager;
class WatchDog;

// Makes buffers that report their high and low watermark. The event loop only hands it out.
class WatermarkFactory {
 public:
  virtual ~WatermarkFactory() = default;
};

// An object whose destruction is put off to the tail of an iteration: see Dispatcher::deferredDelete().
class DeferredDeletable {
 public:
  virtual ~DeferredDeletable() = default;
};

using DeferredDeletablePtr = std::unique_ptr<DeferredDeletable>;

// What a file event waits for and reports; values combine with `|` into a mask. Only what was asked for is
// ever reported. A hang-up or an error raises those of Read and Write that were asked for too, so that an
// event with Read alone learns of the end of a pipe.
enum class FileReadyType : uint32_t {
  Read = 1,
  Write = 2,
  // The peer closed its end, or half of it; comes together with Read while data is left to read.
  Closed = 4,
  Error = 8,
};

inline FileReadyType operator|(FileReadyType lhs, FileReadyType rhs) {
  return static_cast<FileReadyType>(static_cast<uint32_t>(lhs) | static_cast<uint32_t>(rhs));
}

inline uint32_t operator&(FileReadyType lhs, uint32_t rhs) { return static_cast<uint32_t>(lhs) & rhs; }

enum class FileTriggerType {
  // Reported once an iteration for as long as it lasts.
  Level = 0,
  // Reported once when it begins; readiness that is there at creation or at setEnabled() counts as beginning.
  Edge = 1,
  // Level, but what is reported is unregistered first, until registerEventIfEmulatedEdge() asks for it again.
  EmulatedEdge = 2,
};

// The trigger that performs best on this platform.
constexpr FileTriggerType determinePlatformPreferredEventType() {
#if defined(_WIN32) || defined(__APPLE__) || defined(__FreeBSD__) || defined(FORCE_LEVEL_EVENTS)
  return FileTriggerType::Level;
#else
  return FileTriggerType::Edge;
#endif
}

static constexpr FileTriggerType PlatformDefaultTriggerType = determinePlatformPreferredEventType();

// Gets the FileReadyType bits that are ready.
using FileReadyCb = std::function<void(uint32_t events)>;

// Watches a file descriptor for as long as it lives. It never closes the descriptor nor changes its flags.
// Close the descriptor after destroying the event, or after setEnabled(0). Several events may watch one
// descriptor, each with its own mask and trigger.
class FileEvent {
 public:
  virtual ~FileEvent() = default;

  // Reports `events` in the next iteration as if they were ready, even those that are not enabled. Repeated
  // calls, and real readiness, are merged into one callback. setEnabled() takes back what is still pending.
  // Throws std::invalid_argument for 0 and for unknown bits.
  virtual void activate(uint32_t events) = 0;

  // Replaces the mask. With Edge, what is ready now is reported again, also if the mask is the same. With 0
  // nothing is reported any more, except what a later activate() asks for.
  // Throws std::invalid_argument for unknown bits, and std::system_error if the first mask other than 0
  // cannot be registered (EBADF, EPERM for a regular file, ENOSPC). A later failure is reported to the
  // callback as those of Error, Read and Write that were asked for.
  virtual void setEnabled(uint32_t events) = 0;

  // With EmulatedEdge, stops reporting `events`; with another trigger, does nothing.
  virtual void unregisterEventIfEmulatedEdge(uint32_t event) = 0;

  // With EmulatedEdge, reports `events` again; with another trigger, does nothing. Throws as setEnabled()
  // does.
  virtual void registerEventIfEmulatedEdge(uint32_t event) = 0;
};

using FileEventPtr = std::unique_ptr<FileEvent>;

using TimerCb = std::function<void()>;

// A one-shot timer. It never fires early. Timers fire in the order of their deadlines; ties, in the order in
// which they were enabled.
class Timer {
 public:
  virtual ~Timer() = default;

  // Stops the timer, even if it already expired in this iteration.
  virtual void disableTimer() = 0;

  // Fires once, `duration` from now, instead of at the deadline set before. A negative duration counts as 0,
  // which fires in the next iteration; one beyond the range of the clock never fires.
  virtual void enableTimer(std::chrono::milliseconds duration) = 0;

  // The same, in microseconds.
  virtual void enableHRTimer(std::chrono::microseconds duration) = 0;

  // Whether it is going to fire; false inside its own callback, unless enabled there again.
  virtual bool enabled() = 0;
};

using TimerPtr = std::unique_ptr<Timer>;

// Makes timers for a dispatcher.
class Scheduler {
 public:
  virtual ~Scheduler() = default;

  // Returns a disabled timer whose callback runs on the loop of `dispatcher`.
  virtual TimerPtr createTimer(const TimerCb& callback, Dispatcher& dispatcher) = 0;
};

// A callback that is run on request: cheaper than a timer of zero delay, and reusable, unlike a post.
class SchedulableCallback {
 public:
  virtual ~SchedulableCallback() = default;

  // Runs it in the tail of this iteration, never inside this call. Does nothing if it is scheduled already.
  virtual void scheduleCallbackCurrentIteration() = 0;

  // Runs it in the next iteration, after a poll. Does nothing if it is scheduled already.
  virtual void scheduleCallbackNextIteration() = 0;

  // Takes a schedule back.
  virtual void cancel() = 0;

  // Whether it is scheduled; false inside its own callback, unless scheduled there again.
  virtual bool enabled() = 0;
};

using SchedulableCallbackPtr = std::unique_ptr<SchedulableCallback>;

using SignalCb = std::function<void()>;

// Listens for a signal for as long as it lives: see Dispatcher::listenForSignal().
class SignalEvent {
 public:
  virtual ~SignalEvent() = default;
};

using SignalEventPtr = std::unique_ptr<SignalEvent>;

using PostCb = std::function<void()>;

// Something that a crash report is to describe, if the process dies while it is being worked on.
class ScopeTrackedObject {
 public:
  virtual ~ScopeTrackedObject() = default;

  // Writes a description to `os`, indented by `indent_level` steps. It may run in a signal handler on the
  // loop thread: it should neither allocate nor lock.
  virtual void dumpState(std::ostream& os, int indent_level = 0) const = 0;
};

// How run() ends.
enum class RunType {
  // Runs until exit().
  Block = 0,
  // Runs what is ready now and returns without waiting.
  NonBlock = 1,
  // Runs until exit(), also when nothing is left to wait for (which Block does too).
  RunUntilExit = 2,
};

// The kinds of scaled timer whose minimum is configured in one place: setScaledTimerMinimum() in
// scaled_timers.h. Without that they are not scaled.
enum class ScaledTimerType {
  HttpConnectionManagerDecodeDuration = 0,
  HttpConnectionManagerNewStream = 1,
  OverloadActionState = 2,
};

// The range of a scaled timer: enableTimer(d) fires no later than max = min(d, max_value), and under full
// load no earlier than min = min(min_value, max). Negative values count as 0.
struct ScaledTimerMinimum {
  std::chrono::milliseconds min_value;
  std::chrono::milliseconds max_value{(std::chrono::milliseconds::max)()};
};

// What Dispatcher::initializeStats() fills: readable summaries, in microseconds, of the form
// "count=12 sum=340us p50=21us p90=60us p99=75us max=75us".
struct DispatcherStats {
  // From after the poll to before the next one: how long callbacks kept the loop.
  std::string loop_duration_us;
  // How late the poll returned past its timeout.
  std::string poll_delay_us;
};

using WatchDogSharedPtr = std::shared_ptr<WatchDog>;

// What any thread needs of a dispatcher.
class DispatcherBase {
 public:
  virtual ~DispatcherBase() = default;

  // Runs `callback` on the loop thread, in the tail of an iteration; in the order of the calls, and each
  // closure is destroyed right after it ran, before the next one runs. Never runs it inside this call. A post
  // made after exit() waits for the next run(); one made after shutdown() is dropped: its closure is
  // destroyed here, and it is counted. Throws std::invalid_argument if `callback` is empty.
  virtual void post(PostCb callback) = 0;

  // Whether the caller is on the loop's thread: false before the first run(), true on the thread that runs or
  // ran it last.
  virtual bool isThreadSafe() const = 0;
};

// An event loop. One thread at a time runs it. Destroying it while another thread runs it makes that run()
// return first; destroying it inside one of its own callbacks makes run() return after that callback.
class Dispatcher : public DispatcherBase {
 public:
  // The name it was made with.
  virtual const std::string& name() = 0;

  // Touches `watchdog` before every callback and every batch of deferred deletes, and at least every
  // `min_touch_interval` while the loop is idle (0 or less: not while idle). The dispatcher shares ownership
  // until shutdown(), destruction or the next registration; null ends a registration.
  virtual void registerWatchdog(const WatchDogSharedPtr& watchdog,
                                std::chrono::milliseconds min_touch_interval) = 0;

  // Watches `fd` and calls `cb` with what is ready of `events`, a mask of FileReadyType that may be 0.
  // Throws std::invalid_argument for unknown bits or an empty callback, and std::system_error if `fd` cannot
  // be watched: EBADF if it is not open, EPERM if it is a regular file, ENOSPC at the system's limit.
  virtual FileEventPtr createFileEvent(os_fd_t fd, FileReadyCb cb, FileTriggerType trigger,
                                       uint32_t events) = 0;

  // Returns a disabled timer.
  virtual TimerPtr createTimer(TimerCb cb) = 0;

  // Returns a disabled timer that fires earlier under load. Its range is the one configured for `timer_type`;
  // throws std::invalid_argument if that is not one of the enum's values.
  virtual TimerPtr createScaledTimer(ScaledTimerType timer_type, TimerCb cb) = 0;

  // Returns a disabled timer that fires earlier under load, in the range `minimum`.
  virtual TimerPtr createScaledTimer(ScaledTimerMinimum minimum, TimerCb cb) = 0;

  // Returns a callback that is not scheduled yet.
  virtual SchedulableCallbackPtr createSchedulableCallback(std::function<void()> cb) = 0;

  // Destroys `to_delete` on the loop thread, in the tail of an iteration, never inside this call nor while
  // the calling callback is on the stack; in the order of the calls. One deferred by a destructor belongs to
  // the next batch. Null is ignored. If it throws, `to_delete` still holds the object.
  virtual void deferredDelete(DeferredDeletablePtr&& to_delete) = 0;

  // Makes run() return. What was harvested by the poll, and what was posted, deferred or scheduled for the
  // current iteration before this call, still runs. Without a run() it makes the next Block or RunUntilExit
  // return after one pass.
  virtual void exit() = 0;

  // Calls `cb` on the loop thread after `signal_num` was delivered to the process, at least once after its
  // last delivery. Every listener of every dispatcher is called; a handler that was installed before still
  // runs, and is back when the last listener is gone. Throws std::invalid_argument for what is no signal, or
  // none that can be caught.
  virtual SignalEventPtr listenForSignal(int signal_num, SignalCb cb) = 0;

  // Runs the loop on this thread. While another thread runs it, Block and RunUntilExit wait until that one
  // leaves, run nothing and return, and NonBlock throws std::logic_error; so does a nested call. Rethrows
  // what a callback threw; throws std::system_error if the poll fails. A dispatcher runs again after exit()
  // and after shutdown(), on any thread.
  virtual void run(RunType type) = 0;

  virtual WatermarkFactory& getWatermarkFactory() = 0;

  // Puts `object` on the stack of what is being worked on. It stays the caller's, and must live until it is
  // popped.
  virtual void pushTrackedObject(const ScopeTrackedObject* object) = 0;

  // Takes it off again. Throws std::logic_error if `expected_object` is not the topmost.
  virtual void popTrackedObject(const ScopeTrackedObject* expected_object) = 0;

  // The loop's time: constant within an iteration, so cheap, and refreshed after the poll.
  virtual std::chrono::steady_clock::time_point approximateMonotonicTime() const = 0;

  // Refreshes it at once.
  virtual void updateApproximateMonotonicTime() = 0;

  // Destroys the objects deferred so far, inside this call. Does nothing while they are being destroyed.
  virtual void clearDeferredDeleteList() = 0;

  // Starts recording the figures of the loop, and writes a summary of those so far to `stats`, which it does
  // not keep. Call it again to refresh them.
  virtual void initializeStats(DispatcherStats& stats) = 0;

  // Drops the queued posts, the deferred objects and the watchdog without running a post; makes a running
  // loop exit and waits for it first. Posts are refused until the next run(). Handles stay as they are.
  virtual void shutdown() = 0;
};

using DispatcherPtr = std::unique_ptr<Dispatcher>;

// Shows that a thread is alive.
class WatchDog {
 public:
  virtual ~WatchDog() = default;

  // Tells that the thread is alive now. Called by the loop, very often: it should be cheap.
  virtual void touch() = 0;

  // The thread that is watched.
  virtual std::thread::id threadId() const = 0;

  // When it was touched last; when it was made, if never.
  virtual std::chrono::steady_clock::time_point lastTouchTime() const = 0;
};

// Makes dispatchers of one kind.
class DispatcherFactory {
 public:
  virtual ~DispatcherFactory() = default;

  // Returns a new dispatcher, never null. `name` may hold any bytes. Throws std::system_error when the
  // process is out of file descriptors.
  virtual DispatcherPtr createDispatcher(const std::string& name) = 0;

  // The poller that its dispatchers run on, or the name it is known by.
  virtual const std::string& backendName() const = 0;
};

using DispatcherFactoryPtr = std::unique_ptr<DispatcherFactory>;

// A thread with a dispatcher on it. The dispatcher lives as long as the worker. What is queued to it runs on
// the worker's thread, and is destroyed there: when the thread ends, it shuts its dispatcher down.
class Worker {
 public:
  virtual ~Worker() = default;

  // Starts the thread, and returns once it owns the loop, before posts that were queued before run; with a
  // dispatcher of the user's own, once the thread is about to enter its run(). `guard_dog` is registered at
  // the dispatcher with an interval of 5 seconds. An exit() left from before is discarded. Does nothing if
  // the worker runs; a worker that was stopped starts again, but not on its own thread before that has ended.
  virtual void start(WatchDogSharedPtr guard_dog = nullptr) = 0;

  // Makes the loop exit and waits until the thread has ended. On the worker's own thread it does not wait;
  // nor does one worker's thread wait for another that is waiting in stop() itself. Idempotent.
  virtual void stop() = 0;

  // The worker's dispatcher, also while it is stopped.
  virtual Dispatcher& dispatcher() = 0;
};

using WorkerPtr = std::unique_ptr<Worker>;

class WorkerFactory {
 public:
  virtual ~WorkerFactory() = default;

  // Returns a worker that is not started, never null. The default one names it, its thread and its dispatcher
  // "worker_<index>". `dispatcher_factory` is used during the call only.
  virtual WorkerPtr createWorker(uint32_t index, DispatcherFactory& dispatcher_factory) = 0;
};

using WorkerFactoryPtr = std::unique_ptr<WorkerFactory>;

// A fixed number of workers.
class ThreadPool {
 public:
  virtual ~ThreadPool() = default;

  // Makes the workers; call it once, before the pool is shared between threads. The factories are used during
  // the call only. If one of them throws, or returns null (std::invalid_argument), the pool stays as it was.
  // Throws std::logic_error if the pool has been initialized.
  virtual void initialize(size_t num_threads, DispatcherFactory& dispatcher_factory,
                          WorkerFactory& worker_factory) = 0;

  // Starts the workers in order. If one fails to start, those started are stopped and its exception goes on.
  virtual void start() = 0;

  // Tells every worker to stop, then waits for each, as Worker::stop() does. Idempotent. A destructor does so
  // too.
  virtual void stop() = 0;

  // Throws std::out_of_range if there is no worker `index`.
  virtual Worker& getWorker(size_t index) = 0;

  // The workers in turn. Throws std::out_of_range if the pool is empty.
  virtual Worker& nextWorker() = 0;

  // How many workers there are, running or not.
  virtual size_t size() const = 0;
};

using ThreadPoolPtr = std::unique_ptr<ThreadPool>;

// Dispatchers on the best poller of this platform, or on the one named by the environment variable
// MCP_EVENT_BACKEND; backendName() tells which one that is.
DispatcherFactoryPtr createPlatformDefaultDispatcherFactory();

// The same dispatchers under the name "libevent", which existing code asks for.
DispatcherFactoryPtr createLibeventDispatcherFactory();

// Dispatchers on asio. Throws std::runtime_error where they are not built in.
DispatcherFactoryPtr createAsioDispatcherFactory();

WorkerFactoryPtr createDefaultWorkerFactory();

// A pool without workers yet.
ThreadPoolPtr createThreadPool();

// A watchdog for the thread `thread_id`, whose touch() stores the time.
WatchDogSharedPtr createWatchDog(std::thread::id thread_id);

}  // namespace event
}  // namespace mcp

#endif  // MCP_EVENT_EVENT_LOOP_H
