// File events whose masks change.
#ifndef MCP_EVENT_BENCH_TOGGLING_H
#define MCP_EVENT_BENCH_TOGGLING_H

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "clock.h"
#include "event_fds.h"

namespace bench {

inline constexpr std::size_t kToggling = 100;

// As many events whose masks change in every iteration; in the end each waits for reading only, as before.
template <class Loop>
class Toggling {
 public:
  Toggling(std::size_t toggles, std::size_t iterations) : toggles_(toggles), iterations_(iterations) {
    for (const int fd : fds_.all()) {
      events_.emplace_back(loop_, fd, [](std::uint32_t) {});
    }
  }

  // Nanoseconds a change, with what the iterations cost besides.
  double run_ns() {
    const auto total = iterations_ * events_.size() * toggles_;
    next_.enable(kNow);
    return ns_per_op(total, [this] { loop_.run(); });
  }

 private:
  static constexpr std::chrono::microseconds kNow{0};

  void iterate() {
    for (auto& event : events_) {
      for (std::size_t i = 0; i < toggles_; i += 2) {
        event.watch_writes(true);
        event.watch_writes(false);
      }
    }
    if (--iterations_ == 0) {
      loop_.stop();
    } else {
      next_.enable(kNow);
    }
  }

  const std::size_t toggles_;
  std::size_t iterations_;
  const EventFds fds_{kToggling};
  Loop loop_;
  std::vector<typename Loop::FileEvent> events_;
  typename Loop::Timer next_{loop_, [this] { iterate(); }};
};

}  // namespace bench

#endif  // MCP_EVENT_BENCH_TOGGLING_H
