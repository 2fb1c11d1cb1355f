// The floor: the least code that does the job on epoll, with no library and nothing to choose.
#ifndef MCP_EVENT_BENCH_EPOLL_FLOOR_H
#define MCP_EVENT_BENCH_EPOLL_FLOOR_H

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <memory>
#include <system_error>

namespace bench {

class EpollFloor {
 public:
  static constexpr const char* kName = "floor (epoll)";

  EpollFloor() = default;
  EpollFloor(const EpollFloor&) = delete;
  ~EpollFloor() { close(epoll_); }

  void run() {
    for (stopped_ = false; !stopped_;) {
      const int count = epoll_wait(epoll_, ready_.data(), static_cast<int>(ready_.size()), -1);
      for (int i = 0; i < count; ++i) {
        (*static_cast<std::function<void(std::uint32_t)>*>(ready_[i].data.ptr))(ready_[i].events);
      }
    }
  }
  void stop() { stopped_ = true; }

  void control(int operation, int fd, std::uint32_t events, void* data) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = data;
    if (epoll_ctl(epoll_, operation, fd, &event) != 0) {
      throw std::system_error(errno, std::generic_category(), "epoll_ctl");
    }
  }

  // The closure has to live in one place, so it is in the heap, as everybody's is.
  class FileEvent {
   public:
    FileEvent(EpollFloor& loop, int fd, std::function<void(std::uint32_t)> closure)
        : loop_(&loop),
          fd_(fd),
          closure_(std::make_unique<std::function<void(std::uint32_t)>>(std::move(closure))) {
      loop.control(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET, closure_.get());
    }
    FileEvent(FileEvent&&) noexcept = default;
    ~FileEvent() {
      if (closure_) {
        loop_->control(EPOLL_CTL_DEL, fd_, 0, nullptr);
      }
    }

   private:
    EpollFloor* loop_;
    int fd_;
    std::unique_ptr<std::function<void(std::uint32_t)>> closure_;
  };

 private:
  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);
  std::array<epoll_event, 1024> ready_;
  bool stopped_ = false;
};

}  // namespace bench

#endif  // MCP_EVENT_BENCH_EPOLL_FLOOR_H
