// Descriptors that become ready without anything at their other end.
#ifndef MCP_EVENT_BENCH_EVENT_FDS_H
#define MCP_EVENT_BENCH_EVENT_FDS_H

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstddef>
#include <vector>

namespace bench {

// So many eventfds, always writable, readable once written.
class EventFds {
 public:
  explicit EventFds(std::size_t count) : fds_(count) {
    for (auto& fd : fds_) {
      fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    }
  }
  EventFds(const EventFds&) = delete;
  ~EventFds() {
    for (const int fd : fds_) {
      close(fd);
    }
  }
  std::size_t size() const { return fds_.size(); }
  const std::vector<int>& all() const { return fds_; }
  void make_readable() const {
    for (const int fd : fds_) {
      eventfd_write(fd, 1);
    }
  }

 private:
  std::vector<int> fds_;
};

}  // namespace bench

#endif  // MCP_EVENT_BENCH_EVENT_FDS_H
