// A guard dog: watches many loops, and tells who is stuck, for how long, with what, and where.
//
// It runs on threads of its own, and a stuck loop cannot hold it up. Loops of this library are watched from
// outside and pay nothing: one gets on if it has begun or ended an iteration or a callback since the last
// look; one that nobody runs, or that waits while nothing is due, is not stuck. The report goes to the
// library's log (mcp_event_set_log()), then to your actions.
//
// All functions may be called from any thread, also by the guard dog's own actions. Misuse throws
// std::invalid_argument or std::logic_error, what the system refuses std::system_error.
#ifndef MCP_EVENT_GUARD_DOG_H
#define MCP_EVENT_GUARD_DOG_H

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "mcp/event/dispatcher_extras.h"
#include "mcp/event/event_loop.h"

struct mcp_event_guard_dog;

namespace mcp {
namespace event {

class WorkerPool;

// Those of one look are told in this order.
enum class GuardDogEvent {
  // A thread has stood still for longer than the threshold of a kill; the process is about to be killed.
  Kill = 0,
  // So many threads have, for longer than the threshold of a multikill.
  Multikill = 1,
  // A thread has stood still for longer than the threshold of a megamiss.
  Megamiss = 2,
  // A thread has stood still for longer than the threshold of a miss.
  Miss = 3,
  // A thread of which one of the others was told gets on again.
  Recovered = 4,
};

struct GuardDogOptions {
  // For how long a thread may stand still before each event; 0: for ever.
  std::chrono::microseconds miss{200000};
  std::chrono::microseconds megamiss{1000000};
  std::chrono::microseconds kill{0};
  std::chrono::microseconds multikill{0};
  // Which part of all threads makes a multikill, above 0 and up to 1; two threads at least. 0: half of them.
  double multikill_share = 0.5;
  // How often it looks; 0: twice in the smallest threshold.
  std::chrono::microseconds interval{0};
  // How long the report and the actions of a kill may take before the process is ended; 0: ten seconds.
  std::chrono::microseconds kill_grace{0};
  // Whether a kill or multikill ends the process, by abort(), once its actions have run.
  bool abort_on_kill = true;
  // Whether reports have a backtrace, for which the stuck thread gets a signal: this one; 0: SIGURG.
  bool backtraces = true;
  int backtrace_signal = 0;
  // Whether reports have the tracked objects of the stuck loop, for which the process is copied: by `clone`,
  // without atfork handlers.
  bool tracked_objects = true;
  // For tests: then there is no thread, and scan() looks. It may go once the guard dog is made.
  const SimulatedClock* clock = nullptr;
};

// A thread that stands still, or of GuardDogEvent::Recovered, stood still.
struct StuckThread {
  // The dispatcher's name (a pool's workers are named "worker_1" and so on), or that given to watchTouched().
  std::string name;
  // For how long.
  std::chrono::microseconds stuck_for{0};
  // The system's number for the thread; 0: none is inside the loop, or it is not known.
  int32_t thread_id = 0;
  // What the loop is doing: "file event on fd 7 (accept)". Empty for what is touched.
  std::string doing;
  // What its tracked objects say of themselves, innermost first; empty if there are none.
  std::string tracked_objects;
  // Where it is, a line for each function, innermost first; empty if that is not known.
  std::string backtrace;
  // How often it has missed and megamissed, this time included.
  uint64_t misses = 0;
  uint64_t megamisses = 0;
};

struct GuardDogReport {
  GuardDogEvent event = GuardDogEvent::Miss;
  // Several for GuardDogEvent::Multikill, else one.
  std::vector<StuckThread> threads;
  // The whole report, as the log has it. Where something is not known, it says why.
  std::string text;
};

// Counted over all that has been watched.
struct GuardDogFigures {
  uint64_t scans;
  uint64_t misses;
  uint64_t megamisses;
  uint64_t kills;
  uint64_t multikills;
  uint64_t recoveries;
  // Events that nobody was told of, because an action took too long.
  uint64_t dropped_events;
  // Actions that threw.
  uint64_t failed_actions;
  // How many are watched now.
  uint64_t watched;
};

// The figures of one dispatcher, over the time that it has been watched.
struct WatchedFigures {
  uint64_t misses;
  uint64_t megamisses;
  // For how long it has stood still, if a report has told of it since it last got on; else negative.
  std::chrono::microseconds stuck_for;
};

class GuardDog {
 public:
  using Action = std::function<void(const GuardDogReport& report)>;

  // Starts its threads. Throws std::invalid_argument for thresholds that are out of order or all off, and for
  // what is negative.
  explicit GuardDog(const GuardDogOptions& options = GuardDogOptions());

  // Stops it. One of its actions may do that.
  ~GuardDog();

  GuardDog(GuardDog&& other) noexcept : dog_(other.dog_) { other.dog_ = nullptr; }
  GuardDog& operator=(GuardDog&& other) noexcept {
    std::swap(dog_, other.dog_);
    return *this;
  }

  // Watches a dispatcher of this library, until it is destroyed; nothing, if it is watched already. Throws
  // std::invalid_argument for another one: have that touch what watchTouched() returns. Throws
  // std::logic_error if the guard dog is stopped.
  void watch(Dispatcher& dispatcher);

  // Watches the dispatchers of all workers of a pool; of a WorkerPool, also those that join later.
  void watch(ThreadPool& pool);
  void watch(WorkerPool& pool);

  // A watchdog to be touched at least so often as the thresholds ask for, from now on: by a dispatcher of
  // your own that it is registered with, or by any thread. The watch ends with its last owner. `thread` is
  // what its threadId() returns; its lastTouchTime() is when the guard dog last saw that it had been touched.
  WatchDogSharedPtr watchTouched(const std::string& name, std::thread::id thread = std::thread::id());

  // Watches a dispatcher no more; false if it was not watched.
  bool unwatch(Dispatcher& dispatcher);

  // Has `action` called for each `event` from now on, on a thread of the guard dog's, after the log was
  // written and after the actions that were given before. What it throws is logged, and ends nothing. One
  // that takes long delays later reports, not the looks.
  void on(GuardDogEvent event, Action action);

  // Looks at all that is watched now, and tells what it finds, on this thread, before it returns. For tests.
  void scan();

  // Watches no more, for good. What was found is told before this returns; but an action that calls it is not
  // waited for. Nothing, if it is stopped already.
  void stop();

  GuardDogFigures figures() const;

  // Throws std::invalid_argument if the dispatcher is not watched.
  WatchedFigures figures(Dispatcher& dispatcher) const;

 private:
  mcp_event_guard_dog* dog_ = nullptr;
};

}  // namespace event
}  // namespace mcp

#endif  // MCP_EVENT_GUARD_DOG_H
