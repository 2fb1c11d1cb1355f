#include "cpp/worker.h"

#include <pthread.h>
#if defined(__FreeBSD__) || defined(__OpenBSD__)
#include <pthread_np.h>
#endif

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <typeinfo>
#include <utility>

#include "cpp/dispatcher_access.h"
#include "cpp/worker_exception.h"

namespace mcp_event_impl {
namespace {

using mcp::event::Dispatcher;
using mcp::event::DispatcherPtr;
using mcp::event::LibeventDispatcher;
using mcp::event::RunType;
using mcp::event::WatchDogSharedPtr;

constexpr std::chrono::milliseconds kWatchDogInterval = std::chrono::seconds(5);

void nameThisThread(const std::string& name) {
  // Linux refuses a longer name instead of cutting it.
  std::string cut = name.substr(0, 15);
#if defined(__APPLE__)
  pthread_setname_np(cut.c_str());
#elif defined(__NetBSD__)
  pthread_setname_np(pthread_self(), "%s", &cut[0]);
#elif defined(__OpenBSD__)
  pthread_set_name_np(pthread_self(), cut.c_str());
#else
  pthread_setname_np(pthread_self(), cut.c_str());
#endif
}

// The core of `dispatcher` if nothing of a subclass can stand between us and it, else null. A subclass may
// override run(), so it is one of the user's own.
mcp_event_dispatcher* ownCore(const Dispatcher& dispatcher) {
  if (typeid(dispatcher) != typeid(LibeventDispatcher)) {
    return nullptr;
  }
  return DispatcherAccess::handle(static_cast<const LibeventDispatcher&>(dispatcher));
}

}  // namespace

// The thread, the dispatcher on it, and the state that start(), stop() and the thread agree on.
class WorkerLoop : public std::enable_shared_from_this<WorkerLoop> {
 public:
  WorkerLoop(const std::string& name, DispatcherPtr dispatcher)
      : name_(name), dispatcher_(std::move(dispatcher)), core_(ownCore(*dispatcher_)) {}

  void start(const WatchDogSharedPtr& guard_dog);
  void requestStop();
  void stop();
  // For a worker that goes away: what stop() did not wait for ends on its own.
  void abandon();
  Dispatcher& dispatcher() { return *dispatcher_; }

 private:
  using Lock = std::unique_lock<std::mutex>;

  enum class Phase {
    // There is no thread.
    Idle,
    // start() waits for the thread to own the loop.
    Starting,
    Running,
    // The thread is done, and somebody must join it.
    Finished,
    // Somebody does.
    Joining,
  };

  // Marks the loop of the thread it is made on as waiting in stop().
  class WaitingInStop;

  void launch(const WatchDogSharedPtr& guard_dog);
  void threadMain();
  // Runs the loop until it returns; whether it is to run again.
  bool runOnce();
  void markEntered();
  void setPhase(Phase phase);
  void join(Lock& lock);

  // The loop that this thread is the thread of.
  static thread_local WorkerLoop* current_;

  const std::string name_;
  const DispatcherPtr dispatcher_;
  mcp_event_dispatcher* const core_;
  // Written by start() before it makes the thread.
  bool is_watched_ = false;

  std::mutex mutex_;
  // Signalled at every change of what follows.
  std::condition_variable changed_;
  Phase phase_ = Phase::Idle;
  // Which start() made the thread; a stop() that waits must not wait for the next one.
  uint64_t generation_ = 0;
  bool stop_requested_ = false;
  bool waiting_in_stop_ = false;
  std::exception_ptr start_failure_;
  std::thread thread_;
};

thread_local WorkerLoop* WorkerLoop::current_ = nullptr;

class WorkerLoop::WaitingInStop {
 public:
  WaitingInStop() { set(true); }
  ~WaitingInStop() { set(false); }
  WaitingInStop(const WaitingInStop&) = delete;
  WaitingInStop& operator=(const WaitingInStop&) = delete;

 private:
  static void set(bool waiting) {
    if (current_ != nullptr) {
      const Lock lock(current_->mutex_);
      current_->waiting_in_stop_ = waiting;
      current_->changed_.notify_all();
    }
  }
};

void WorkerLoop::start(const WatchDogSharedPtr& guard_dog) {
  Lock lock(mutex_);
  if (current_ == this && stop_requested_) {
    throw std::logic_error(name_ + ": start() on its own thread, which is stopping");
  }
  while (phase_ != Phase::Idle) {
    if (phase_ == Phase::Running && !stop_requested_) {
      return;
    }
    if (phase_ == Phase::Finished) {
      join(lock);
    } else {
      changed_.wait(lock);
    }
  }
  phase_ = Phase::Starting;
  ++generation_;
  stop_requested_ = false;
  start_failure_ = nullptr;
  lock.unlock();

  try {
    launch(guard_dog);
  } catch (...) {
    setPhase(Phase::Idle);
    throw;
  }

  lock.lock();
  changed_.wait(lock, [this] { return phase_ != Phase::Starting; });
  if (start_failure_ != nullptr) {
    const std::exception_ptr failure = start_failure_;
    if (phase_ == Phase::Finished) {
      join(lock);
    }
    std::rethrow_exception(failure);
  }
}

void WorkerLoop::launch(const WatchDogSharedPtr& guard_dog) {
  is_watched_ = guard_dog != nullptr;
  if (is_watched_) {
    dispatcher_->registerWatchdog(guard_dog, kWatchDogInterval);
  }
  try {
    const std::shared_ptr<WorkerLoop> self = shared_from_this();
    const Lock lock(mutex_);
    thread_ = std::thread([self] { self->threadMain(); });
  } catch (...) {
    if (is_watched_) {
      dispatcher_->registerWatchdog(nullptr, kWatchDogInterval);
    }
    throw;
  }
}

void WorkerLoop::threadMain() {
  current_ = this;
  nameThisThread(name_);
  if (core_ == nullptr) {
    // A run() that is not ours cannot tell when it has begun.
    markEntered();
  }
  while (runOnce()) {
  }
  if (core_ != nullptr) {
    // What is still queued dies here, on its thread.
    dispatcher_->shutdown();
  } else if (is_watched_) {
    // One of the user's own is not shut down: it may refuse what comes between start() and its run() then.
    dispatcher_->registerWatchdog(nullptr, kWatchDogInterval);
  }
  current_ = nullptr;
  setPhase(Phase::Finished);
}

bool WorkerLoop::runOnce() {
  std::exception_ptr thrown;
  std::string where = "in run() of its dispatcher";
  bool loop_failed = false;
  try {
    if (core_ != nullptr) {
      const auto entered = [](void* loop) { static_cast<WorkerLoop*>(loop)->markEntered(); };
      thrown = runLoop(core_, RunType::RunUntilExit, entered, this);
      where = mcp_event_last_error();
    } else {
      dispatcher_->run(RunType::RunUntilExit);
    }
  } catch (...) {
    thrown = std::current_exception();
    loop_failed = true;
  }

  Lock lock(mutex_);
  if (thrown == nullptr) {
    // If somebody else was running the loop, ours waited for that one only.
    return phase_ == Phase::Starting && !stop_requested_;
  }
  if (phase_ == Phase::Starting) {
    start_failure_ = thrown;
    return false;
  }
  lock.unlock();
  handleWorkerException(name_, where, thrown);
  lock.lock();
  return !loop_failed && !stop_requested_;
}

void WorkerLoop::markEntered() {
  Lock lock(mutex_);
  phase_ = Phase::Running;
  if (core_ != nullptr) {
    // An exit() from before the start; that of a stop() during the start is made again.
    mcp_event_dispatcher_clear_exit(core_);
    if (stop_requested_) {
      mcp_event_dispatcher_exit(core_);
    }
  }
  changed_.notify_all();
}

void WorkerLoop::setPhase(Phase phase) {
  const Lock lock(mutex_);
  phase_ = phase;
  changed_.notify_all();
}

void WorkerLoop::join(Lock& lock) {
  phase_ = Phase::Joining;
  std::thread thread = std::move(thread_);
  lock.unlock();
  thread.join();
  lock.lock();
  phase_ = Phase::Idle;
  changed_.notify_all();
}

void WorkerLoop::requestStop() {
  {
    const Lock lock(mutex_);
    if ((phase_ != Phase::Starting && phase_ != Phase::Running) || stop_requested_) {
      // Another exit() would let through what was queued after the first.
      return;
    }
    stop_requested_ = true;
    changed_.notify_all();
  }
  dispatcher_->exit();
}

void WorkerLoop::stop() {
  Lock lock(mutex_);
  const uint64_t generation = generation_;
  lock.unlock();
  requestStop();
  if (current_ == this) {
    return;
  }
  const WaitingInStop waiting;
  lock.lock();
  changed_.wait(lock, [&] {
    // Two threads that stop each other's workers would wait forever.
    const bool would_deadlock = current_ != nullptr && waiting_in_stop_;
    return phase_ == Phase::Idle || phase_ == Phase::Finished || generation_ != generation || would_deadlock;
  });
  if (phase_ == Phase::Finished && generation_ == generation) {
    join(lock);
  }
  // Unlocked before `waiting` locks the caller's loop.
  lock.unlock();
}

void WorkerLoop::abandon() {
  const Lock lock(mutex_);
  if (thread_.joinable()) {
    thread_.detach();
  }
}

DefaultWorker::DefaultWorker(const std::string& name, DispatcherPtr dispatcher)
    : loop_(std::make_shared<WorkerLoop>(name, std::move(dispatcher))) {}

DefaultWorker::~DefaultWorker() {
  loop_->stop();
  loop_->abandon();
}

void DefaultWorker::start(WatchDogSharedPtr guard_dog) { loop_->start(guard_dog); }

void DefaultWorker::stop() { loop_->stop(); }

void DefaultWorker::requestStop() { loop_->requestStop(); }

Dispatcher& DefaultWorker::dispatcher() { return loop_->dispatcher(); }

}  // namespace mcp_event_impl
