// Threads that want the processors for themselves.
#ifndef MCP_EVENT_BENCH_BUSY_THREADS_H
#define MCP_EVENT_BENCH_BUSY_THREADS_H

#include <atomic>
#include <thread>
#include <vector>

#include "loop_thread.h"

namespace bench {

// A thread on each processor that never waits.
class BusyThreads {
 public:
  BusyThreads() {
    for (unsigned cpu = 0; cpu < std::thread::hardware_concurrency(); ++cpu) {
      threads_.emplace_back([this, cpu] {
        pin_this_thread(static_cast<int>(cpu));
        while (!done_.load(std::memory_order_relaxed)) {
        }
      });
    }
  }
  BusyThreads(const BusyThreads&) = delete;
  ~BusyThreads() {
    done_ = true;
    for (auto& thread : threads_) {
      thread.join();
    }
  }

 private:
  std::atomic<bool> done_{false};
  std::vector<std::thread> threads_;
};

}  // namespace bench

#endif  // MCP_EVENT_BENCH_BUSY_THREADS_H
