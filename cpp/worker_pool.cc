#include "mcp/event/worker_pool.h"

#include <mutex>
#include <string>
#include <unordered_map>

#include "cpp/bridge.h"
#include "cpp/c_text.h"
#include "cpp/dispatcher_access.h"
#include "cpp/errors.h"
#include "cpp/handles.h"
#include "cpp/hidden.h"
#include "cpp/pool_access.h"

namespace mcp_event_impl {
namespace {

mcp_event_pool* createPool(const mcp::event::WorkerPoolOptions& options) {
  installOps();
  mcp_event_pool_options c_options = {};
  c_options.size = sizeof c_options;
  c_options.min_workers = options.min_workers;
  c_options.max_workers = options.max_workers;
  c_options.policy = static_cast<int>(options.policy);
  c_options.name_prefix = toCTextOrNull(options.name_prefix);
  c_options.stack_size = options.stack_size;
  c_options.cpus = options.cpus.empty() ? nullptr : options.cpus.data();
  c_options.cpu_count = options.cpus.size();
  c_options.queue_bound = options.queue_bound;
  c_options.backend = toCTextOrNull(options.backend);
  c_options.high_mark = options.high_mark;
  c_options.low_mark = options.low_mark;
  c_options.grow_after_us = options.grow_after.count();
  c_options.retire_after_us = options.retire_after.count();
  c_options.cool_down_us = options.cool_down.count();
  c_options.drain_limit_us = options.drain_limit.count();
  c_options.clock = options.clock == nullptr ? nullptr : ClockAccess::clock(*options.clock);
  mcp_event_pool* pool = nullptr;
  check(mcp_event_pool_create_with(&c_options, &pool));
  return pool;
}

mcp_event_pool* createPool(size_t workers) {
  installOps();
  mcp_event_pool* pool = nullptr;
  check(mcp_event_pool_create(workers, &pool));
  return pool;
}

}  // namespace
}  // namespace mcp_event_impl

namespace mcp {
namespace event {

using mcp_event_impl::check;

struct MCP_EVENT_HIDDEN WorkerPool::Impl {
  explicit Impl(mcp_event_pool* created) : pool(created) {}
  ~Impl() {
    mcp_event_pool_stop(pool);
    // Nobody runs on them any more, and the cores are still there.
    dispatchers.clear();
    mcp_event_pool_destroy(pool);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  // The one object for a core that the pool lends.
  Dispatcher& of(mcp_event_dispatcher* lent) {
    const std::lock_guard<std::mutex> lock(mutex);
    DispatcherPtr& dispatcher = dispatchers[lent];
    if (dispatcher == nullptr) {
      dispatcher = mcp_event_impl::DispatcherAccess::borrow(lent);
    }
    return *dispatcher;
  }

  mcp_event_pool* const pool;
  std::mutex mutex;
  std::unordered_map<mcp_event_dispatcher*, DispatcherPtr> dispatchers;
};

WorkerPool::WorkerPool(const WorkerPoolOptions& options)
    : impl_(std::make_unique<Impl>(mcp_event_impl::createPool(options))) {}

WorkerPool::WorkerPool(size_t workers) : impl_(std::make_unique<Impl>(mcp_event_impl::createPool(workers))) {}

WorkerPool::~WorkerPool() = default;

void WorkerPool::start() { check(mcp_event_pool_start(impl_->pool)); }

void WorkerPool::stop() { check(mcp_event_pool_stop(impl_->pool)); }

WorkerPoolReport WorkerPool::shutdown(std::chrono::microseconds limit) {
  mcp_event_pool_report report = {};
  report.size = sizeof report;
  check(mcp_event_pool_shutdown(impl_->pool, limit.count(), &report));
  return {report.posts_dropped, report.submitted_dropped, report.deferred_destroyed,
          report.handles_alive, report.workers_stuck,     report.is_drained};
}

size_t WorkerPool::size() const {
  size_t size = 0;
  check(mcp_event_pool_size(impl_->pool, &size));
  return size;
}

Dispatcher& WorkerPool::dispatcher(size_t number) {
  mcp_event_dispatcher* lent = nullptr;
  check(mcp_event_pool_dispatcher(impl_->pool, number, &lent));
  return impl_->of(lent);
}

Dispatcher& WorkerPool::nextDispatcher() {
  mcp_event_dispatcher* lent = nullptr;
  check(mcp_event_pool_next(impl_->pool, &lent));
  return impl_->of(lent);
}

Dispatcher& WorkerPool::dispatcherFor(const std::string& key) {
  mcp_event_dispatcher* lent = nullptr;
  check(mcp_event_pool_for_key(impl_->pool, key.data(), key.size(), &lent));
  return impl_->of(lent);
}

void WorkerPool::setPolicy(PoolPolicy policy) {
  check(mcp_event_pool_set_policy(impl_->pool, static_cast<int>(policy)));
}

void WorkerPool::registerWatchdog(const WatchDogSharedPtr& watchdog,
                                  std::chrono::milliseconds min_touch_interval) {
  if (watchdog == nullptr) {
    check(mcp_event_pool_register_watchdog(impl_->pool, nullptr, nullptr, nullptr, 0));
    return;
  }
  auto owner = std::make_unique<WatchDogSharedPtr>(watchdog);
  const auto touch = [](void* data) { (*static_cast<WatchDogSharedPtr*>(data))->touch(); };
  const auto drop = [](void* data) { delete static_cast<WatchDogSharedPtr*>(data); };
  check(mcp_event_pool_register_watchdog(impl_->pool, touch, owner.get(), drop,
                                         mcp_event_impl::saturatingMicroseconds(min_touch_interval).count()));
  owner.release();
}

size_t WorkerPool::tasksWaiting() const {
  size_t waiting = 0;
  check(mcp_event_pool_tasks_waiting(impl_->pool, &waiting));
  return waiting;
}

LoopStats WorkerPool::stats() const {
  mcp_event_stats figures = {};
  figures.size = sizeof figures;
  check(mcp_event_pool_stats(impl_->pool, &figures));
  return mcp_event_impl::toLoopStats(figures);
}

void WorkerPool::executeTask(PostTask task) {
  mcp_event_closure closure = {};
  closure.call = task.call;
  closure.data = task.data;
  closure.drop = task.destroy;
  const mcp_event_status status = mcp_event_pool_execute(impl_->pool, closure);
  if (status != MCP_EVENT_OK) {
    // It stayed ours.
    task.destroy(task.data);
    mcp_event_impl::throwStatus(status);
  }
}

}  // namespace event
}  // namespace mcp

namespace mcp_event_impl {

mcp_event_pool* PoolAccess::handle(const mcp::event::WorkerPool& pool) { return pool.impl_->pool; }

}  // namespace mcp_event_impl
