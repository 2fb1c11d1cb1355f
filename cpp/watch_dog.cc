#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "mcp/event/event_loop.h"

namespace mcp_event_impl {
namespace {

using std::chrono::steady_clock;

class TimeStoringWatchDog final : public mcp::event::WatchDog {
 public:
  explicit TimeStoringWatchDog(std::thread::id thread_id) : thread_id_(thread_id), last_touch_(now()) {}

  void touch() override { last_touch_.store(now(), std::memory_order_relaxed); }
  std::thread::id threadId() const override { return thread_id_; }
  steady_clock::time_point lastTouchTime() const override {
    return steady_clock::time_point(steady_clock::duration(last_touch_.load(std::memory_order_relaxed)));
  }

 private:
  static steady_clock::rep now() { return steady_clock::now().time_since_epoch().count(); }

  const std::thread::id thread_id_;
  std::atomic<steady_clock::rep> last_touch_;
};

}  // namespace
}  // namespace mcp_event_impl

namespace mcp {
namespace event {

WatchDogSharedPtr createWatchDog(std::thread::id thread_id) {
  return std::make_shared<mcp_event_impl::TimeStoringWatchDog>(thread_id);
}

}  // namespace event
}  // namespace mcp
