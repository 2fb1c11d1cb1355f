// The floor for posts: a queue behind a mutex, and an eventfd that wakes epoll.
#ifndef MCP_EVENT_BENCH_EVENTFD_FLOOR_H
#define MCP_EVENT_BENCH_EVENTFD_FLOOR_H

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <functional>
#include <utility>

#include "epoll_floor.h"
#include "post_queue.h"

namespace bench {

class EventfdFloor : public EpollFloor {
 public:
  static constexpr const char* kName = "floor (eventfd)";

  ~EventfdFloor() { close(wake_); }

  void post(std::function<void()> closure) {
    if (posts_.push(std::move(closure))) {
      eventfd_write(wake_, 1);
    }
  }
  void run() {
    const FileEvent woken(*this, wake_, [this](std::uint32_t) {
      eventfd_t value;
      eventfd_read(wake_, &value);
      posts_.drain();
    });
    EpollFloor::run();
  }

 private:
  const int wake_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  PostQueue posts_;
};

}  // namespace bench

#endif  // MCP_EVENT_BENCH_EVENTFD_FLOOR_H
