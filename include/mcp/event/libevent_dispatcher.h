// The dispatcher, for code that constructs it directly. "Libevent" is a name that existing programs say: the
// loop runs on the best poller of the platform unless MCP_EVENT_BACKEND names another one.
#ifndef MCP_EVENT_LIBEVENT_DISPATCHER_H
#define MCP_EVENT_LIBEVENT_DISPATCHER_H

#include <string>

#include "mcp/event/event_loop.h"

struct event_base;
struct mcp_event_dispatcher;

namespace mcp_event_impl {
struct DispatcherAccess;
}

namespace mcp {
namespace event {

// See Dispatcher for what the functions do. Programs compiled against the SDK's header allocate the object
// themselves, so its size and the places of its name and its event_base are ABI; all else is behind `core_`.
class LibeventDispatcher : public Dispatcher {
 public:
  // `name` may hold any bytes. Throws std::system_error when the process is out of file descriptors.
  explicit LibeventDispatcher(const std::string& name);
  ~LibeventDispatcher() override;

  LibeventDispatcher(const LibeventDispatcher&) = delete;
  LibeventDispatcher& operator=(const LibeventDispatcher&) = delete;

  void post(PostCb callback) override;
  bool isThreadSafe() const override;

  const std::string& name() override;
  void registerWatchdog(const WatchDogSharedPtr& watchdog,
                        std::chrono::milliseconds min_touch_interval) override;
  FileEventPtr createFileEvent(os_fd_t fd, FileReadyCb cb, FileTriggerType trigger, uint32_t events) override;
  TimerPtr createTimer(TimerCb cb) override;
  TimerPtr createScaledTimer(ScaledTimerType timer_type, TimerCb cb) override;
  TimerPtr createScaledTimer(ScaledTimerMinimum minimum, TimerCb cb) override;
  SchedulableCallbackPtr createSchedulableCallback(std::function<void()> cb) override;
  void deferredDelete(DeferredDeletablePtr&& to_delete) override;
  void exit() override;
  SignalEventPtr listenForSignal(int signal_num, SignalCb cb) override;
  void run(RunType type) override;
  WatermarkFactory& getWatermarkFactory() override;
  void pushTrackedObject(const ScopeTrackedObject* object) override;
  void popTrackedObject(const ScopeTrackedObject* expected_object) override;
  std::chrono::steady_clock::time_point approximateMonotonicTime() const override;
  void updateApproximateMonotonicTime() override;
  void clearDeferredDeleteList() override;
  void initializeStats(DispatcherStats& stats) override;
  void shutdown() override;

  // The event_base that the loop runs on, for code that adds events of its own to it; null unless the poller
  // is libevent. It is the dispatcher's: do not free it.
  event_base* base() { return base_; }

 private:
  friend struct ::mcp_event_impl::DispatcherAccess;

  // What binary users reserve for the object beyond `base_`.
  struct Core {
    mcp_event_dispatcher* handle;
    char reserved[304 - 3 * sizeof(void*) - sizeof(std::string)];
  };

  // Takes the core over.
#if defined(__GNUC__) && !defined(_WIN32)
  __attribute__((visibility("hidden")))
#endif
  LibeventDispatcher(const std::string& name, mcp_event_dispatcher* handle);

  const std::string name_;
  event_base* base_;
  Core core_;
};

// Makes LibeventDispatchers; its backendName() is "libevent".
class LibeventDispatcherFactory : public DispatcherFactory {
 public:
  ~LibeventDispatcherFactory() override;

  DispatcherPtr createDispatcher(const std::string& name) override;
  const std::string& backendName() const override;
};

}  // namespace event
}  // namespace mcp

#endif  // MCP_EVENT_LIBEVENT_DISPATCHER_H
