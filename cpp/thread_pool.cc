#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "cpp/worker.h"
#include "mcp/event/event_loop.h"

namespace mcp_event_impl {
namespace {

using mcp::event::Worker;
using mcp::event::WorkerPtr;

class DefaultThreadPool final : public mcp::event::ThreadPool {
 public:
  ~DefaultThreadPool() override { stop(); }

  void initialize(size_t num_threads, mcp::event::DispatcherFactory& dispatcher_factory,
                  mcp::event::WorkerFactory& worker_factory) override;
  void start() override;
  void stop() override;
  Worker& getWorker(size_t index) override;
  Worker& nextWorker() override;
  size_t size() const override { return workers_.size(); }

 private:
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
  return *workers_[next_.fetch_add(1, std::memory_order_relaxed) % workers_.size()];
}

}  // namespace
}  // namespace mcp_event_impl

namespace mcp {
namespace event {

ThreadPoolPtr createThreadPool() { return std::make_unique<mcp_event_impl::DefaultThreadPool>(); }

}  // namespace event
}  // namespace mcp
