// What the suites share. No test sleeps or measures time where an event can decide: a loop runs until the
// test exits it, and a guard ends a test that would hang.
#ifndef MCP_EVENT_TESTS_CPP_SUPPORT_H
#define MCP_EVENT_TESTS_CPP_SUPPORT_H

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "fd_pair.h"
#include "mcp/event/dispatcher_extras.h"
#include "mcp/event/event_loop.h"
#include "mcp/event/libevent_dispatcher.h"

namespace mcp_event_test {

using namespace mcp::event;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

// Long enough for the slowest machine under a sanitizer; reached by failing tests only.
constexpr seconds kGuard(30);

constexpr uint32_t kRead = static_cast<uint32_t>(FileReadyType::Read);
constexpr uint32_t kWrite = static_cast<uint32_t>(FileReadyType::Write);
constexpr uint32_t kClosed = static_cast<uint32_t>(FileReadyType::Closed);
constexpr uint32_t kError = static_cast<uint32_t>(FileReadyType::Error);

// Something that happens once, on another thread.
class Event {
 public:
  void set() {
    const std::lock_guard<std::mutex> lock(mutex_);
    happened_ = true;
    changed_.notify_all();
  }
  bool isSet() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return happened_;
  }
  // False, and a failure, if it does not happen.
  bool wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    const bool in_time = changed_.wait_for(lock, kGuard, [this] { return happened_; });
    EXPECT_TRUE(in_time) << "the event did not happen";
    return in_time;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool happened_ = false;
};

// Runs the dispatcher on this thread until a callback calls exit(); fails if none does.
inline void runUntilExit(Dispatcher& dispatcher) {
  const TimerPtr guard = dispatcher.createTimer([&dispatcher] {
    ADD_FAILURE() << "the loop was not told to exit";
    dispatcher.exit();
  });
  guard->enableTimer(kGuard);
  dispatcher.run(RunType::RunUntilExit);
}

// Calls run(NonBlock) until `done`; for what comes from the outside at its own pace.
inline void pumpUntil(Dispatcher& dispatcher, const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + kGuard;
  while (!done()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "it did not happen";
    dispatcher.run(RunType::NonBlock);
    std::this_thread::yield();
  }
}

// Runs a dispatcher on a thread of its own until it is destroyed. The constructor returns when the loop runs.
class LoopThread {
 public:
  explicit LoopThread(Dispatcher& dispatcher) : dispatcher_(dispatcher) {
    Event running;
    dispatcher.post([&running] { running.set(); });
    thread_ = std::thread([this] { dispatcher_.run(RunType::RunUntilExit); });
    running.wait();
  }
  ~LoopThread() { stop(); }
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  void stop() {
    if (thread_.joinable()) {
      dispatcher_.exit();
      thread_.join();
    }
  }
  // Runs `call` on the loop and waits for it.
  void runThere(const std::function<void()>& call) {
    Event ran;
    dispatcher_.post([&] {
      call();
      ran.set();
    });
    ran.wait();
  }
  std::thread::id id() const { return thread_.get_id(); }

 private:
  Dispatcher& dispatcher_;
  std::thread thread_;
};

// Runs a function when it is destroyed: the capture of a closure, or an object to delete.
class AtDestruction : public DeferredDeletable {
 public:
  explicit AtDestruction(std::function<void()> call) : call_(std::move(call)) {}
  ~AtDestruction() override { call_(); }

 private:
  const std::function<void()> call_;
};

// A capture that calls `call` once its last copy is gone.
inline std::shared_ptr<AtDestruction> atDestruction(std::function<void()> call) {
  return std::make_shared<AtDestruction>(std::move(call));
}

inline DeferredDeletablePtr deletable(std::function<void()> call) {
  return std::make_unique<AtDestruction>(std::move(call));
}

// What happened, in order.
using Journal = std::vector<std::string>;

// A dispatcher that ours knows nothing of: it hands everything on to one of ours, and counts.
class ForeignDispatcher : public Dispatcher {
 public:
  explicit ForeignDispatcher(const std::string& name) : inner_(name) {}

  void post(PostCb callback) override { inner_.post(std::move(callback)); }
  bool isThreadSafe() const override { return inner_.isThreadSafe(); }
  const std::string& name() override { return inner_.name(); }
  void registerWatchdog(const WatchDogSharedPtr& watchdog, milliseconds min_touch_interval) override {
    watchdog_interval = min_touch_interval;
    inner_.registerWatchdog(watchdog, min_touch_interval);
  }
  FileEventPtr createFileEvent(os_fd_t fd, FileReadyCb cb, FileTriggerType trigger,
                               uint32_t events) override {
    return inner_.createFileEvent(fd, std::move(cb), trigger, events);
  }
  TimerPtr createTimer(TimerCb cb) override { return inner_.createTimer(std::move(cb)); }
  TimerPtr createScaledTimer(ScaledTimerType timer_type, TimerCb cb) override {
    return inner_.createScaledTimer(timer_type, std::move(cb));
  }
  TimerPtr createScaledTimer(ScaledTimerMinimum minimum, TimerCb cb) override {
    return inner_.createScaledTimer(minimum, std::move(cb));
  }
  SchedulableCallbackPtr createSchedulableCallback(std::function<void()> cb) override {
    return inner_.createSchedulableCallback(std::move(cb));
  }
  void deferredDelete(DeferredDeletablePtr&& to_delete) override {
    inner_.deferredDelete(std::move(to_delete));
  }
  void exit() override {
    if (on_exit) {
      on_exit();
    }
    inner_.exit();
  }
  SignalEventPtr listenForSignal(int signal_num, SignalCb cb) override {
    return inner_.listenForSignal(signal_num, std::move(cb));
  }
  void run(RunType type) override {
    ++runs;
    if (on_run) {
      on_run();
    }
    inner_.run(type);
  }
  WatermarkFactory& getWatermarkFactory() override { return inner_.getWatermarkFactory(); }
  void pushTrackedObject(const ScopeTrackedObject* object) override { inner_.pushTrackedObject(object); }
  void popTrackedObject(const ScopeTrackedObject* object) override { inner_.popTrackedObject(object); }
  std::chrono::steady_clock::time_point approximateMonotonicTime() const override {
    return inner_.approximateMonotonicTime();
  }
  void updateApproximateMonotonicTime() override { inner_.updateApproximateMonotonicTime(); }
  void clearDeferredDeleteList() override { inner_.clearDeferredDeleteList(); }
  void initializeStats(DispatcherStats& stats) override { inner_.initializeStats(stats); }
  void shutdown() override { inner_.shutdown(); }

  std::atomic<int> runs{0};
  milliseconds watchdog_interval{-1};
  std::function<void()> on_run;
  std::function<void()> on_exit;

 private:
  LibeventDispatcher inner_;
};

}  // namespace mcp_event_test

#endif  // MCP_EVENT_TESTS_CPP_SUPPORT_H
