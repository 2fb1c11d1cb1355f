// File events whose fds become ready.
#ifndef MCP_EVENT_BENCH_READINESS_H
#define MCP_EVENT_BENCH_READINESS_H

#include <sys/eventfd.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "clock.h"
#include "event_fds.h"

namespace bench {

// All of `fds` become ready together, again and again; their callbacks read them. `idle` others never do.
template <class Loop>
class Readiness {
 public:
  Readiness(std::size_t fds, std::size_t cycles, std::size_t idle = 0)
      : fds_(fds), idle_fds_(idle), cycles_(cycles) {
    events_.reserve(fds + idle);
    for (const int fd : fds_.all()) {
      events_.emplace_back(loop_, fd, [this, fd](std::uint32_t) { read_one(fd); });
    }
    for (const int fd : idle_fds_.all()) {
      events_.emplace_back(loop_, fd, [](std::uint32_t) {});
    }
  }

  // Nanoseconds from a ready fd to the end of its callback. Making them ready is not counted.
  double run_ns() {
    const auto total = static_cast<double>(fds_.size() * cycles_);
    start_cycle();
    loop_.run();
    return static_cast<double>(spent_ns_) / total;
  }

 private:
  void start_cycle() {
    fds_.make_readable();
    unread_ = fds_.size();
    started_ns_ = now_ns();
  }

  void read_one(int fd) {
    eventfd_t value;
    if (eventfd_read(fd, &value) != 0 || --unread_ > 0) {
      return;
    }
    spent_ns_ += now_ns() - started_ns_;
    if (--cycles_ == 0) {
      loop_.stop();
    } else {
      start_cycle();
    }
  }

  const EventFds fds_;
  const EventFds idle_fds_;
  std::size_t cycles_;
  Loop loop_;
  std::vector<typename Loop::FileEvent> events_;
  std::size_t unread_ = 0;
  std::int64_t started_ns_ = 0;
  std::int64_t spent_ns_ = 0;
};

}  // namespace bench

#endif  // MCP_EVENT_BENCH_READINESS_H
