// The queue that users of libevent, libuv and libev write to hand closures to the loop's thread.
#ifndef MCP_EVENT_BENCH_POST_QUEUE_H
#define MCP_EVENT_BENCH_POST_QUEUE_H

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace bench {

class PostQueue {
 public:
  // Whether the loop must be woken.
  bool push(std::function<void()> closure) {
    const std::lock_guard<std::mutex> lock(mutex_);
    queue_.push_back(std::move(closure));
    return queue_.size() == 1;
  }

  void drain() {
    std::vector<std::function<void()>> batch;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      batch.swap(queue_);
    }
    for (auto& closure : batch) {
      closure();
    }
  }

 private:
  std::mutex mutex_;
  std::vector<std::function<void()>> queue_;
};

}  // namespace bench

#endif  // MCP_EVENT_BENCH_POST_QUEUE_H
