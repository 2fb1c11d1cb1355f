// A library that carries event code of its own under the SDK's names, as the SDK's does. It does nothing but
// end the process: whoever preloads libmcp_event.so must never get here.
#include <cstdlib>

#include "stock_event_loop.h"

namespace mcp {
namespace event {

LibeventDispatcher::LibeventDispatcher(const std::string&) { std::abort(); }
LibeventDispatcher::~LibeventDispatcher() { std::abort(); }
void LibeventDispatcher::post(std::function<void()>) { std::abort(); }
bool LibeventDispatcher::isThreadSafe() const { std::abort(); }
const std::string& LibeventDispatcher::name() { std::abort(); }
void LibeventDispatcher::registerWatchdog(const std::shared_ptr<WatchDog>&, std::chrono::milliseconds) {
  std::abort();
}
std::unique_ptr<FileEvent> LibeventDispatcher::createFileEvent(int, std::function<void(uint32_t)>,
                                                               FileTriggerType, uint32_t) {
  std::abort();
}
std::unique_ptr<Timer> LibeventDispatcher::createTimer(std::function<void()>) { std::abort(); }
std::unique_ptr<Timer> LibeventDispatcher::createScaledTimer(ScaledTimerType, std::function<void()>) {
  std::abort();
}
std::unique_ptr<Timer> LibeventDispatcher::createScaledTimer(ScaledTimerMinimum, std::function<void()>) {
  std::abort();
}
std::unique_ptr<SchedulableCallback> LibeventDispatcher::createSchedulableCallback(std::function<void()>) {
  std::abort();
}
void LibeventDispatcher::deferredDelete(std::unique_ptr<DeferredDeletable>&&) { std::abort(); }
void LibeventDispatcher::exit() { std::abort(); }
std::unique_ptr<SignalEvent> LibeventDispatcher::listenForSignal(int, std::function<void()>) { std::abort(); }
void LibeventDispatcher::run(RunType) { std::abort(); }
WatermarkFactory& LibeventDispatcher::getWatermarkFactory() { std::abort(); }
void LibeventDispatcher::pushTrackedObject(const ScopeTrackedObject*) { std::abort(); }
void LibeventDispatcher::popTrackedObject(const ScopeTrackedObject*) { std::abort(); }
std::chrono::steady_clock::time_point LibeventDispatcher::approximateMonotonicTime() const { std::abort(); }
void LibeventDispatcher::updateApproximateMonotonicTime() { std::abort(); }
void LibeventDispatcher::clearDeferredDeleteList() { std::abort(); }
void LibeventDispatcher::initializeStats(DispatcherStats&) { std::abort(); }
void LibeventDispatcher::shutdown() { std::abort(); }

std::unique_ptr<Dispatcher> LibeventDispatcherFactory::createDispatcher(const std::string&) { std::abort(); }
const std::string& LibeventDispatcherFactory::backendName() const { std::abort(); }

std::unique_ptr<DispatcherFactory> createPlatformDefaultDispatcherFactory() { std::abort(); }
std::unique_ptr<DispatcherFactory> createLibeventDispatcherFactory() { std::abort(); }
std::unique_ptr<WorkerFactory> createDefaultWorkerFactory() { std::abort(); }
std::unique_ptr<ThreadPool> createThreadPool() { std::abort(); }
std::shared_ptr<WatchDog> createWatchDog(std::thread::id) { std::abort(); }

}  // namespace event
}  // namespace mcp
