// The interface as a binary user has it: declared anew, after the tables of names, order and layout and not
// after our headers. A program compiled against this must run on our library.
#ifndef MCP_EVENT_TESTS_CPP_BINARY_STOCK_EVENT_LOOP_H
#define MCP_EVENT_TESTS_CPP_BINARY_STOCK_EVENT_LOOP_H

#include <chrono>
#include <cstdint>
#include <cstring>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <thread>

struct event_base;

namespace mcp {
namespace event {

class Dispatcher;

struct WatermarkFactory {
  virtual ~WatermarkFactory() {}
};
struct DeferredDeletable {
  virtual ~DeferredDeletable() {}
};
struct FileEvent {
  virtual ~FileEvent() {}
  virtual void activate(uint32_t) = 0;
  virtual void setEnabled(uint32_t) = 0;
  virtual void unregisterEventIfEmulatedEdge(uint32_t) = 0;
  virtual void registerEventIfEmulatedEdge(uint32_t) = 0;
};
struct Timer {
  virtual ~Timer() {}
  virtual void disableTimer() = 0;
  virtual void enableTimer(std::chrono::milliseconds) = 0;
  virtual void enableHRTimer(std::chrono::microseconds) = 0;
  virtual bool enabled() = 0;
};
struct SignalEvent {
  virtual ~SignalEvent() {}
};
struct SchedulableCallback {
  virtual ~SchedulableCallback() {}
  virtual void scheduleCallbackCurrentIteration() = 0;
  virtual void scheduleCallbackNextIteration() = 0;
  virtual void cancel() = 0;
  virtual bool enabled() = 0;
};
struct ScopeTrackedObject {
  virtual ~ScopeTrackedObject() {}
  virtual void dumpState(std::ostream&, int indent_level = 0) const = 0;
};
struct WatchDog {
  virtual ~WatchDog() {}
  virtual void touch() = 0;
  virtual std::thread::id threadId() const = 0;
  virtual std::chrono::steady_clock::time_point lastTouchTime() const = 0;
};

enum class FileTriggerType { Level, Edge, EmulatedEdge };
enum class RunType { Block, NonBlock, RunUntilExit };
enum class ScaledTimerType { DecodeDuration, NewStream, OverloadActionState };
struct ScaledTimerMinimum {
  std::chrono::milliseconds min_value;
  std::chrono::milliseconds max_value;
};
struct DispatcherStats {
  std::string loop_duration_us;
  std::string poll_delay_us;
};

class DispatcherBase {
 public:
  virtual ~DispatcherBase() {}
  virtual void post(std::function<void()>) = 0;
  virtual bool isThreadSafe() const = 0;
};

class Dispatcher : public DispatcherBase {
 public:
  virtual const std::string& name() = 0;
  virtual void registerWatchdog(const std::shared_ptr<WatchDog>&, std::chrono::milliseconds) = 0;
  virtual std::unique_ptr<FileEvent> createFileEvent(int, std::function<void(uint32_t)>, FileTriggerType,
                                                     uint32_t) = 0;
  virtual std::unique_ptr<Timer> createTimer(std::function<void()>) = 0;
  virtual std::unique_ptr<Timer> createScaledTimer(ScaledTimerType, std::function<void()>) = 0;
  virtual std::unique_ptr<Timer> createScaledTimer(ScaledTimerMinimum, std::function<void()>) = 0;
  virtual std::unique_ptr<SchedulableCallback> createSchedulableCallback(std::function<void()>) = 0;
  virtual void deferredDelete(std::unique_ptr<DeferredDeletable>&&) = 0;
  virtual void exit() = 0;
  virtual std::unique_ptr<SignalEvent> listenForSignal(int, std::function<void()>) = 0;
  virtual void run(RunType) = 0;
  virtual WatermarkFactory& getWatermarkFactory() = 0;
  virtual void pushTrackedObject(const ScopeTrackedObject*) = 0;
  virtual void popTrackedObject(const ScopeTrackedObject*) = 0;
  virtual std::chrono::steady_clock::time_point approximateMonotonicTime() const = 0;
  virtual void updateApproximateMonotonicTime() = 0;
  virtual void clearDeferredDeleteList() = 0;
  virtual void initializeStats(DispatcherStats&) = 0;
  virtual void shutdown() = 0;
};

class DispatcherFactory {
 public:
  virtual ~DispatcherFactory() {}
  virtual std::unique_ptr<Dispatcher> createDispatcher(const std::string&) = 0;
  virtual const std::string& backendName() const = 0;
};

class Worker {
 public:
  virtual ~Worker() {}
  virtual void start(std::shared_ptr<WatchDog> = nullptr) = 0;
  virtual void stop() = 0;
  virtual Dispatcher& dispatcher() = 0;
};

class WorkerFactory {
 public:
  virtual ~WorkerFactory() {}
  virtual std::unique_ptr<Worker> createWorker(uint32_t, DispatcherFactory&) = 0;
};

class ThreadPool {
 public:
  virtual ~ThreadPool() {}
  virtual void initialize(size_t, DispatcherFactory&, WorkerFactory&) = 0;
  virtual void start() = 0;
  virtual void stop() = 0;
  virtual Worker& getWorker(size_t) = 0;
  virtual Worker& nextWorker() = 0;
  virtual size_t size() const = 0;
};

std::unique_ptr<DispatcherFactory> createPlatformDefaultDispatcherFactory();
std::unique_ptr<DispatcherFactory> createLibeventDispatcherFactory();
std::unique_ptr<WorkerFactory> createDefaultWorkerFactory();
std::unique_ptr<ThreadPool> createThreadPool();
std::shared_ptr<WatchDog> createWatchDog(std::thread::id);

// Allocated by the binary user, with this size and this way of reading the event_base.
class LibeventDispatcher : public Dispatcher {
 public:
  explicit LibeventDispatcher(const std::string& name);
  ~LibeventDispatcher() override;
  void post(std::function<void()>) override;
  bool isThreadSafe() const override;
  const std::string& name() override;
  void registerWatchdog(const std::shared_ptr<WatchDog>&, std::chrono::milliseconds) override;
  std::unique_ptr<FileEvent> createFileEvent(int, std::function<void(uint32_t)>, FileTriggerType,
                                             uint32_t) override;
  std::unique_ptr<Timer> createTimer(std::function<void()>) override;
  std::unique_ptr<Timer> createScaledTimer(ScaledTimerType, std::function<void()>) override;
  std::unique_ptr<Timer> createScaledTimer(ScaledTimerMinimum, std::function<void()>) override;
  std::unique_ptr<SchedulableCallback> createSchedulableCallback(std::function<void()>) override;
  void deferredDelete(std::unique_ptr<DeferredDeletable>&&) override;
  void exit() override;
  std::unique_ptr<SignalEvent> listenForSignal(int, std::function<void()>) override;
  void run(RunType) override;
  WatermarkFactory& getWatermarkFactory() override;
  void pushTrackedObject(const ScopeTrackedObject*) override;
  void popTrackedObject(const ScopeTrackedObject*) override;
  std::chrono::steady_clock::time_point approximateMonotonicTime() const override;
  void updateApproximateMonotonicTime() override;
  void clearDeferredDeleteList() override;
  void initializeStats(DispatcherStats&) override;
  void shutdown() override;

  event_base* base() {
    event_base* base;
    std::memcpy(&base, reinterpret_cast<const char*>(this) + 40, sizeof(base));
    return base;
  }

  char stock_members[296];
};
static_assert(sizeof(LibeventDispatcher) == 304, "what a binary user allocates");

class LibeventDispatcherFactory : public DispatcherFactory {
 public:
  std::unique_ptr<Dispatcher> createDispatcher(const std::string&) override;
  const std::string& backendName() const override;
};

}  // namespace event
}  // namespace mcp

#endif  // MCP_EVENT_TESTS_CPP_BINARY_STOCK_EVENT_LOOP_H
