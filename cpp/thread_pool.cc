#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cpp/dispatcher_access.h"
#include "cpp/errors.h"
#include "cpp/worker.h"
#include "mcp/event/event_loop.h"
#include "mcp/event/worker_pool.h"

namespace mcp_event_impl {
namespace {

using mcp::event::PoolPolicy;
using mcp::event::Worker;
using mcp::event::WorkerPtr;

size_t backlog(const WorkerPtr& worker) {
  const auto* ours = dynamic_cast<const mcp::event::LibeventDispatcher*>(&worker->dispatcher());
  size_t backlog = 0;
  if (ours != nullptr) {
    check(mcpev_dispatcher_backlog(DispatcherAccess::handle(*ours), &backlog));
  }
  return backlog;
}

bool isLessLoaded(const WorkerPtr& one, const WorkerPtr& other) { return backlog(one) < backlog(other); }

class DefaultThreadPool final : public mcp::event::ThreadPool {
 public:
  explicit DefaultThreadPool(PoolPolicy policy) : policy_(policy) {}
  ~DefaultThreadPool() override { stop(); }

  void initialize(size_t num_threads, mcp::event::DispatcherFactory& dispatcher_factory,
                  mcp::event::WorkerFactory& worker_factory) override;
  void start() override;
  void stop() override;
  Worker& getWorker(size_t index) override;
  Worker& nextWorker() override;
  size_t size() const override { return workers_.size(); }

 private:
  // The number of the next one, in turn.
  size_t turn();
  // The number of one that chance picks.
  size_t random();
  Worker& leastLoaded();

  const PoolPolicy policy_;
  bool initialized_ = false;
  std::vector<WorkerPtr> workers_;
  std::atomic<size_t> next_{0};
  // How many of the workers, from the first on, were started and not stopped since.
  std::atomic<size_t> started_{0};
};

void DefaultThreadPool::initialize(size_t num_threads, mcp::event::DispatcherFactory& dispatcher_factory,
                                   mcp::event::WorkerFactory& worker_factory) {
  if (initialized_) {
    throw std::logic_error("ThreadPool::initialize: the pool has been initialized");
  }
  if (num_threads > std::numeric_limits<uint32_t>::max()) {
    throw std::invalid_argument("ThreadPool::initialize: " + std::to_string(num_threads) + " workers");
  }
  std::vector<WorkerPtr> workers;
  workers.reserve(num_threads);
  for (size_t i = 0; i < num_threads; ++i) {
    WorkerPtr worker = worker_factory.createWorker(static_cast<uint32_t>(i), dispatcher_factory);
    if (worker == nullptr) {
      throw std::invalid_argument("ThreadPool::initialize: the worker factory returned null for worker " +
                                  std::to_string(i));
    }
    workers.push_back(std::move(worker));
  }
  workers_ = std::move(workers);
  initialized_ = true;
}

void DefaultThreadPool::start() {
  try {
    for (size_t i = 0; i < workers_.size(); ++i) {
      workers_[i]->start(nullptr);
      started_ = std::max(started_.load(), i + 1);
    }
  } catch (...) {
    stop();
    throw;
  }
}

void DefaultThreadPool::stop() {
  // From a worker's thread too, so no lock is held while it waits.
  const size_t started = started_;
  for (const WorkerPtr& worker : workers_) {
    if (auto* ours = dynamic_cast<DefaultWorker*>(worker.get())) {
      ours->requestStop();
    }
  }
  for (size_t i = 0; i < workers_.size(); ++i) {
    // One of ours may have been started on its own; one of the user's own is not told what it need not know.
    if (i < started || dynamic_cast<DefaultWorker*>(workers_[i].get()) != nullptr) {
      workers_[i]->stop();
    }
  }
  started_ = 0;
}

Worker& DefaultThreadPool::getWorker(size_t index) {
  if (index >= workers_.size()) {
    throw std::out_of_range("ThreadPool::getWorker: index " + std::to_string(index) + " of " +
                            std::to_string(workers_.size()) + " workers");
  }
  return *workers_[index];
}

Worker& DefaultThreadPool::nextWorker() {
  if (workers_.empty()) {
    throw std::out_of_range("ThreadPool::nextWorker: the pool has no workers");
  }
  switch (policy_) {
    case PoolPolicy::LeastLoaded:
      return leastLoaded();
    case PoolPolicy::PowerOfTwoChoices:
      return *std::min(workers_[random()], workers_[random()], isLessLoaded);
    case PoolPolicy::RoundRobin:
      break;
  }
  return *workers_[turn()];
}

size_t DefaultThreadPool::turn() { return next_.fetch_add(1, std::memory_order_relaxed) % workers_.size(); }

Worker& DefaultThreadPool::leastLoaded() {
  // Of several that have as little to do, not always the same.
  const auto first = workers_.begin() + static_cast<std::ptrdiff_t>(turn());
  const auto behind = std::min_element(first, workers_.end(), isLessLoaded);
  const auto before = std::min_element(workers_.begin(), first, isLessLoaded);
  return before != first && isLessLoaded(*before, *behind) ? **before : **behind;
}

size_t DefaultThreadPool::random() {
  static thread_local std::minstd_rand engine{std::random_device{}()};
  return std::uniform_int_distribution<size_t>(0, workers_.size() - 1)(engine);
}

}  // namespace
}  // namespace mcp_event_impl

namespace mcp {
namespace event {

ThreadPoolPtr createThreadPool() { return createThreadPool(PoolPolicy::RoundRobin); }

ThreadPoolPtr createThreadPool(PoolPolicy policy) {
  if (policy != PoolPolicy::RoundRobin && policy != PoolPolicy::LeastLoaded &&
      policy != PoolPolicy::PowerOfTwoChoices) {
    throw std::invalid_argument("createThreadPool: there is no policy " +
                                std::to_string(static_cast<int>(policy)));
  }
  return std::make_unique<mcp_event_impl::DefaultThreadPool>(policy);
}

Worker& workerFor(ThreadPool& pool, const std::string& key) {
  const size_t size = pool.size();
  if (size == 0) {
    throw std::out_of_range("workerFor: the pool has no workers");
  }
  return pool.getWorker(std::hash<std::string>()(key) % size);
}

void registerWatchdog(ThreadPool& pool, const WatchDogSharedPtr& watchdog,
                      std::chrono::milliseconds min_touch_interval) {
  for (size_t i = 0; i < pool.size(); ++i) {
    pool.getWorker(i).dispatcher().registerWatchdog(watchdog, min_touch_interval);
  }
}

}  // namespace event
}  // namespace mcp
