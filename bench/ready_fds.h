// Descriptors that keep a loop busy.
#ifndef MCP_EVENT_BENCH_READY_FDS_H
#define MCP_EVENT_BENCH_READY_FDS_H

#include <sys/eventfd.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "event_fds.h"

namespace bench {

// So many file events whose fds are always ready: each callback reads its fd, and makes it readable again.
template <class Loop>
class ReadyFds {
 public:
  ReadyFds(Loop& loop, std::size_t count) : fds_(count) {
    events_.reserve(count);
    for (const int fd : fds_.all()) {
      events_.emplace_back(loop, fd, [fd](std::uint32_t) {
        eventfd_t value;
        eventfd_read(fd, &value);
        eventfd_write(fd, 1);
      });
    }
    fds_.make_readable();
  }

 private:
  const EventFds fds_;
  std::vector<typename Loop::FileEvent> events_;
};

}  // namespace bench

#endif  // MCP_EVENT_BENCH_READY_FDS_H
