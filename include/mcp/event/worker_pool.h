// Pools of workers: how the next one is chosen, how many there are, and tasks that any of them may do.
//
// All functions may be called from any thread. Misuse throws std::invalid_argument, std::logic_error or
// std::out_of_range, what the system refuses std::system_error.
#ifndef MCP_EVENT_WORKER_POOL_H
#define MCP_EVENT_WORKER_POOL_H

#include <chrono>
#include <cstddef>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "mcp/event/dispatcher_extras.h"
#include "mcp/event/event_loop.h"

namespace mcp_event_impl {
struct PoolAccess;
}

namespace mcp {
namespace event {

// How a pool chooses its next worker.
enum class PoolPolicy {
  // One after the other.
  RoundRobin = 0,
  // The one with the least to do: looks at all.
  LeastLoaded = 1,
  // The less loaded of two that chance picks.
  PowerOfTwoChoices = 2,
};

// A pool as in event_loop.h whose nextWorker() chooses by `policy`. A worker whose dispatcher is not one of
// this library counts as one that has nothing to do.
ThreadPoolPtr createThreadPool(PoolPolicy policy);

// The worker of `pool` for all that has this key. Throws std::out_of_range for an empty pool.
Worker& workerFor(ThreadPool& pool, const std::string& key);

// Has all workers of `pool` touch `watchdog` until they stop; null: none any more. Throws what
// Dispatcher::registerWatchdog() throws.
void registerWatchdog(ThreadPool& pool, const WatchDogSharedPtr& watchdog,
                      std::chrono::milliseconds min_touch_interval);

struct WorkerPoolOptions {
  // At least so many workers; 0: one if there is a maximum, else one for each processor.
  size_t min_workers = 0;
  // At most so many, as the load demands; 0: always the minimum.
  size_t max_workers = 0;
  PoolPolicy policy = PoolPolicy::RoundRobin;
  // What the names of the workers begin with; their numbers follow. Empty: "worker_".
  std::string name_prefix;
  // The bytes of each thread's stack; 0: the default.
  size_t stack_size = 0;
  // The CPUs, by the system's numbers: worker i runs on cpus[i % cpus.size()] alone. Empty: on any.
  std::vector<size_t> cpus;
  // Each worker refuses posts while so many wait; 0: never.
  size_t queue_bound = 0;
  // The poller by name; empty: the default.
  std::string backend;
  // A worker joins when the pressure, from 0 to 1, has been above this mark for `grow_after`; 0: 0.7.
  double high_mark = 0;
  // One retires when it has been below this mark for `retire_after`; 0: 0.2.
  double low_mark = 0;
  // 0: a second.
  std::chrono::microseconds grow_after{0};
  // 0: thirty seconds.
  std::chrono::microseconds retire_after{0};
  // How long after such a step the next one may come; 0: five seconds.
  std::chrono::microseconds cool_down{0};
  // How long a worker that retires may keep what it has; 0: a minute.
  std::chrono::microseconds drain_limit{0};
  // For tests: that of the workers and of all these times. It may go once the pool is made.
  const SimulatedClock* clock = nullptr;
};

// What a shutdown dropped, of all workers together.
struct WorkerPoolReport {
  // Posts that had not run, messages of actors included.
  size_t posts_dropped;
  // Tasks that were executed or submitted, and that no worker had begun.
  size_t submitted_dropped;
  // Objects of deferred deletion that were destroyed at the very end.
  size_t deferred_destroyed;
  // Handles that live on and do nothing.
  size_t handles_alive;
  // Workers inside a callback that did not return.
  size_t workers_stuck;
  // Whether all that was queued has run.
  bool is_drained;
};

// Threads with a dispatcher each. What a callback on them throws goes to the handler of dispatcher_extras.h.
class WorkerPool {
 public:
  // None of its workers is started. Throws std::invalid_argument, with the reason, for a minimum above the
  // maximum, CPUs that are not ours, marks out of order, a stack that is too small.
  explicit WorkerPool(const WorkerPoolOptions& options = WorkerPoolOptions());
  // Always `workers`, of which there may be none.
  explicit WorkerPool(size_t workers);

  // Stops it.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Starts all workers, and returns once each owns its loop. If one fails, those started are stopped again.
  void start();

  // Waits until the tasks that were executed or submitted before have begun, but not on the thread of a
  // worker; then asks all workers to stop, after what was posted before, and waits for each. The pool can be
  // started again.
  void stop();

  // Lets all workers finish, what is posted meanwhile included, but no longer than `limit`; what they did not
  // get done is dropped and reported. Throws std::logic_error on the thread of one of its workers.
  WorkerPoolReport shutdown(std::chrono::microseconds limit);

  // How many workers there are, those that retire not counted.
  size_t size() const;

  // These live as long as the pool; those of a worker that retired refuse posts. They throw std::out_of_range
  // for an empty pool, or a number that no worker has.
  Dispatcher& dispatcher(size_t number);
  // By the policy.
  Dispatcher& nextDispatcher();
  // That of the worker for all that has this key. A worker that retires or joins moves only its own keys.
  Dispatcher& dispatcherFor(const std::string& key);

  // Chooses otherwise from now on.
  void setPolicy(PoolPolicy policy);

  // Has all workers touch it, also those that start or join later; null: none any more.
  void registerWatchdog(const WatchDogSharedPtr& watchdog, std::chrono::milliseconds min_touch_interval);

  // How many tasks no worker has begun.
  size_t tasksWaiting() const;

  // The figures of all workers together, also of those that have left: counters as sums, histograms as of all
  // that was recorded; loopStats() has those of each, and starts the recording of its histograms. The loops
  // may be running.
  LoopStats stats() const;

  // Has one of the workers run `closure`, whichever is free first; none is bound to it, so one that is held
  // up loses it to the others. What it throws goes where it goes from a post. Throws std::logic_error unless
  // the pool is started, std::out_of_range if it has no workers.
  template <typename F>
  void execute(F&& closure);

  // As execute(); the future gets what `closure` returns or throws. If the pool drops it, that is a
  // std::future_error (broken_promise). A worker must not wait for it: that might be for itself.
  template <typename F>
  auto submit(F&& closure) -> std::future<decltype(std::declval<typename std::decay<F>::type&>()())>;

 private:
  friend struct ::mcp_event_impl::PoolAccess;
  struct Impl;

  // Destroys the task whatever happens, also when it throws.
  void executeTask(PostTask task);

  const std::unique_ptr<Impl> impl_;
};

template <typename F>
void WorkerPool::execute(F&& closure) {
  using Closure = typename std::decay<F>::type;
  if (detail::isEmptyClosure(closure, 0)) {
    throw std::invalid_argument("execute: the closure is empty");
  }
  PostTask task;
  task.call = [](void* data) { (*static_cast<Closure*>(data))(); };
  task.destroy = [](void* data) { delete static_cast<Closure*>(data); };
  task.data = new Closure(std::forward<F>(closure));
  executeTask(task);
}

template <typename F>
auto WorkerPool::submit(F&& closure)
    -> std::future<decltype(std::declval<typename std::decay<F>::type&>()())> {
  if (detail::isEmptyClosure(closure, 0)) {
    throw std::invalid_argument("submit: the closure is empty");
  }
  std::packaged_task<decltype(std::declval<typename std::decay<F>::type&>()())()> task(
      std::forward<F>(closure));
  auto outcome = task.get_future();
  execute(std::move(task));
  return outcome;
}

}  // namespace event
}  // namespace mcp

#endif  // MCP_EVENT_WORKER_POOL_H
