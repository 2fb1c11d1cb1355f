#include "mcp/event/libevent_dispatcher.h"

#include <string>
#include <utility>

#include "cpp/dispatcher_access.h"
#include "cpp/errors.h"
#include "cpp/handles.h"
#include "cpp/post.h"
#include "cpp/tracked_object.h"

namespace mcp_event_impl {
namespace {

mcp_event_dispatcher* createCore(const std::string& name, const CoreOptions& options) {
  installOps();
  mcp_event_dispatcher* handle = nullptr;
  check(mcpev_dispatcher_create(name.data(), name.size(), options.backend, options.libevent_base,
                                options.clock, &handle));
  return handle;
}

event_base* baseOf(const mcp_event_dispatcher* handle) {
  void* base = nullptr;
  check(mcp_event_dispatcher_libevent_base(handle, &base));
  return static_cast<event_base*>(base);
}

std::string summary(const mcp_event_histogram& figures) {
  return "count=" + std::to_string(figures.count) + " sum=" + std::to_string(figures.sum) +
         "us p50=" + std::to_string(figures.p50) + "us p90=" + std::to_string(figures.p90) +
         "us p99=" + std::to_string(figures.p99) + "us max=" + std::to_string(figures.max) + "us";
}

}  // namespace

bool tryPostCallback(mcp_event_dispatcher* dispatcher, mcp::event::PostCb& callback, const char* function) {
  requireCallback(callback, function);
#ifdef __GLIBCXX__
  // This std::function holds a closure within itself only if that may be moved as bytes.
  return tryPost(dispatcher, callback);
#else
  auto boxed = [box = std::make_unique<mcp::event::PostCb>(std::move(callback))] { (*box)(); };
  return tryPost(dispatcher, boxed);
#endif
}

mcp::event::DispatcherPtr DispatcherAccess::create(const std::string& name, const CoreOptions& options) {
  return adopt(name, createCore(name, options));
}

mcp::event::DispatcherPtr DispatcherAccess::adopt(const std::string& name, mcp_event_dispatcher* core) {
  try {
    return mcp::event::DispatcherPtr(new mcp::event::LibeventDispatcher(name, core));
  } catch (...) {
    mcp_event_dispatcher_destroy(core);
    throw;
  }
}

mcp::event::DispatcherPtr DispatcherAccess::borrow(mcp_event_dispatcher* lent) {
  const char* name = nullptr;
  size_t length = 0;
  check(mcpev_dispatcher_name(lent, &name, &length));
  // Its destructor asks for the end of the core, which is refused for one that is lent.
  return mcp::event::DispatcherPtr(new mcp::event::LibeventDispatcher(std::string(name, length), lent));
}

mcp_event_dispatcher* DispatcherAccess::require(const mcp::event::Dispatcher& dispatcher,
                                                const char* function) {
  const auto* ours = dynamic_cast<const mcp::event::LibeventDispatcher*>(&dispatcher);
  if (ours == nullptr) {
    throw std::invalid_argument(std::string(function) + ": the dispatcher is not one of this library");
  }
  return handle(*ours);
}

std::exception_ptr runLoop(mcp_event_dispatcher* dispatcher, mcp::event::RunType type, void (*entered)(void*),
                           void* data) {
  void* exception = nullptr;
  const mcp_event_status status =
      mcpev_dispatcher_run_with(dispatcher, static_cast<int32_t>(type), entered, data, &exception);
  if (status != MCP_EVENT_CALLBACK_FAILED) {
    check(status);
    return nullptr;
  }
  if (exception != nullptr) {
    return takeException(exception);
  }
  // A panic in Rust code has no exception of its own.
  return std::make_exception_ptr(std::runtime_error(mcp_event_last_error()));
}

mcp_event_stats readStats(mcp_event_dispatcher* dispatcher) {
  check(mcp_event_dispatcher_enable_stats(dispatcher));
  mcp_event_stats stats{};
  stats.size = sizeof(stats);
  check(mcp_event_dispatcher_stats(dispatcher, &stats));
  return stats;
}

}  // namespace mcp_event_impl

namespace mcp {
namespace event {

using mcp_event_impl::check;

LibeventDispatcher::LibeventDispatcher(const std::string& name)
    : LibeventDispatcher(name, mcp_event_impl::createCore(name, {})) {}

LibeventDispatcher::LibeventDispatcher(const std::string& name, mcp_event_dispatcher* handle)
    : name_(name), base_(mcp_event_impl::baseOf(handle)), core_{handle, {}} {}

LibeventDispatcher::~LibeventDispatcher() { mcp_event_dispatcher_destroy(core_.handle); }

void LibeventDispatcher::post(PostCb callback) {
  mcp_event_impl::tryPostCallback(core_.handle, callback, "post");
}

bool LibeventDispatcher::isThreadSafe() const {
  bool thread_safe = false;
  mcp_event_dispatcher_is_thread_safe(core_.handle, &thread_safe);
  return thread_safe;
}

const std::string& LibeventDispatcher::name() { return name_; }

void LibeventDispatcher::registerWatchdog(const WatchDogSharedPtr& watchdog,
                                          std::chrono::milliseconds min_touch_interval) {
  if (watchdog == nullptr) {
    check(mcp_event_dispatcher_register_watchdog(core_.handle, nullptr, nullptr, nullptr, 0));
    return;
  }
  auto owner = std::make_unique<WatchDogSharedPtr>(watchdog);
  const auto touch = [](void* data) { (*static_cast<WatchDogSharedPtr*>(data))->touch(); };
  const auto drop = [](void* data) { delete static_cast<WatchDogSharedPtr*>(data); };
  check(mcp_event_dispatcher_register_watchdog(
      core_.handle, touch, owner.get(), drop,
      mcp_event_impl::saturatingMicroseconds(min_touch_interval).count()));
  owner.release();
}

FileEventPtr LibeventDispatcher::createFileEvent(os_fd_t fd, FileReadyCb cb, FileTriggerType trigger,
                                                 uint32_t events) {
  return mcp_event_impl::createFileEvent(core_.handle, fd, std::move(cb), trigger, events);
}

TimerPtr LibeventDispatcher::createTimer(TimerCb cb) {
  return mcp_event_impl::createTimer(core_.handle, std::move(cb));
}

TimerPtr LibeventDispatcher::createScaledTimer(ScaledTimerType timer_type, TimerCb cb) {
  return mcp_event_impl::createScaledTimer(core_.handle, timer_type, std::move(cb));
}

TimerPtr LibeventDispatcher::createScaledTimer(ScaledTimerMinimum minimum, TimerCb cb) {
  return mcp_event_impl::createScaledTimer(core_.handle, minimum, std::move(cb));
}

SchedulableCallbackPtr LibeventDispatcher::createSchedulableCallback(std::function<void()> cb) {
  return mcp_event_impl::createSchedulableCallback(core_.handle, std::move(cb));
}

void LibeventDispatcher::deferredDelete(DeferredDeletablePtr&& to_delete) {
  if (to_delete == nullptr) {
    return;
  }
  // Released first: on success the loop may have destroyed the object already, and `to_delete` with it if
  // that is a member of it.
  DeferredDeletable* const object = to_delete.release();
  const mcp_event_status status = mcpev_deferred_delete(core_.handle, object, [](void* data) {
    return mcp_event_impl::catchInto([data] { delete static_cast<DeferredDeletable*>(data); });
  });
  if (status != MCP_EVENT_OK) {
    to_delete.reset(object);
    mcp_event_impl::throwStatus(status);
  }
}

void LibeventDispatcher::exit() { mcp_event_dispatcher_exit(core_.handle); }

SignalEventPtr LibeventDispatcher::listenForSignal(int signal_num, SignalCb cb) {
  return mcp_event_impl::createSignalEvent(core_.handle, signal_num, std::move(cb));
}

void LibeventDispatcher::run(RunType type) {
  if (const std::exception_ptr exception = mcp_event_impl::runLoop(core_.handle, type, nullptr, nullptr)) {
    std::rethrow_exception(exception);
  }
}

WatermarkFactory& LibeventDispatcher::getWatermarkFactory() {
  static WatermarkFactory factory;
  return factory;
}

void LibeventDispatcher::pushTrackedObject(const ScopeTrackedObject* object) {
  check(mcp_event_dispatcher_push_tracked(core_.handle, object, mcp_event_impl::dumpTrackedObject));
}

void LibeventDispatcher::popTrackedObject(const ScopeTrackedObject* expected_object) {
  check(mcp_event_dispatcher_pop_tracked(core_.handle, expected_object));
}

std::chrono::steady_clock::time_point LibeventDispatcher::approximateMonotonicTime() const {
  uint64_t nanoseconds = 0;
  mcp_event_dispatcher_approximate_time_ns(core_.handle, &nanoseconds);
  return std::chrono::steady_clock::time_point(
      std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::nanoseconds(nanoseconds)));
}

void LibeventDispatcher::updateApproximateMonotonicTime() {
  mcp_event_dispatcher_update_approximate_time(core_.handle);
}

void LibeventDispatcher::clearDeferredDeleteList() {
  mcp_event_dispatcher_clear_deferred_delete_list(core_.handle);
}

void LibeventDispatcher::initializeStats(DispatcherStats& stats) {
  const mcp_event_stats figures = mcp_event_impl::readStats(core_.handle);
  stats.loop_duration_us = mcp_event_impl::summary(figures.loop_duration_us);
  stats.poll_delay_us = mcp_event_impl::summary(figures.poll_delay_us);
}

void LibeventDispatcher::shutdown() { mcp_event_dispatcher_shutdown(core_.handle); }

}  // namespace event
}  // namespace mcp
