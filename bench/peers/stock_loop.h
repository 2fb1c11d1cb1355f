// A stand-in for the SDK's stock loop: the classic way to put `mcp::event` on libevent 2.1.
//
// It is not the SDK's code, of which there is no copy here; it is the same design, so that a ratio to it says
// what moving from that design to ours is worth:
//   post               mutex + list of std::function; a byte down a pipe whenever the list was empty
//   timers             a heap object with the std::function and an event from evtimer_new
//   file events        an event from event_new, persistent; setEnabled deletes it, assigns it anew, adds it
//   schedulables       a timer of zero delay, for "current" and "next iteration" alike
//   deferredDelete     a vector, and an event_active'd callback that empties it
//   the clock          libevent's cached, coarse one
// What no benchmark needs (signals, watchdog, scaled timers, stats, tracked objects) throws std::logic_error.
#ifndef MCP_EVENT_BENCH_STOCK_LOOP_H
#define MCP_EVENT_BENCH_STOCK_LOOP_H

#include <mcp/event/event_loop.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

struct event;
struct event_base;

namespace bench {

class StockDispatcher : public mcp::event::Dispatcher {
 public:
  explicit StockDispatcher(const std::string& name);
  ~StockDispatcher() override;

  event_base* base() { return base_; }

  void post(mcp::event::PostCb callback) override;
  bool isThreadSafe() const override { return thread_.load() == std::this_thread::get_id(); }
  const std::string& name() override { return name_; }
  mcp::event::FileEventPtr createFileEvent(mcp::event::os_fd_t fd, mcp::event::FileReadyCb callback,
                                           mcp::event::FileTriggerType trigger,
                                           std::uint32_t events) override;
  mcp::event::TimerPtr createTimer(mcp::event::TimerCb callback) override;
  mcp::event::SchedulableCallbackPtr createSchedulableCallback(std::function<void()> callback) override;
  void deferredDelete(mcp::event::DeferredDeletablePtr&& object) override;
  void exit() override;
  void run(mcp::event::RunType type) override;
  std::chrono::steady_clock::time_point approximateMonotonicTime() const override { return time_; }
  void updateApproximateMonotonicTime() override { time_ = std::chrono::steady_clock::now(); }
  void clearDeferredDeleteList() override;
  void shutdown() override {}

  void registerWatchdog(const mcp::event::WatchDogSharedPtr&, std::chrono::milliseconds) override;
  mcp::event::TimerPtr createScaledTimer(mcp::event::ScaledTimerType, mcp::event::TimerCb) override;
  mcp::event::TimerPtr createScaledTimer(mcp::event::ScaledTimerMinimum, mcp::event::TimerCb) override;
  mcp::event::SignalEventPtr listenForSignal(int, mcp::event::SignalCb) override;
  mcp::event::WatermarkFactory& getWatermarkFactory() override;
  void pushTrackedObject(const mcp::event::ScopeTrackedObject*) override;
  void popTrackedObject(const mcp::event::ScopeTrackedObject*) override;
  void initializeStats(mcp::event::DispatcherStats&) override;

 private:
  void run_posts();

  const std::string name_;
  event_base* const base_;
  int wake_pipe_[2];
  event* wake_event_;
  event* deferred_delete_event_;
  std::atomic<std::thread::id> thread_{};
  std::atomic<bool> exit_requested_{false};
  std::chrono::steady_clock::time_point time_;
  std::mutex post_mutex_;
  std::list<mcp::event::PostCb> posts_;
  std::vector<mcp::event::DeferredDeletablePtr> to_delete_;
};

}  // namespace bench

#endif  // MCP_EVENT_BENCH_STOCK_LOOP_H
