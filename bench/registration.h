// File events that are created and destroyed.
#ifndef MCP_EVENT_BENCH_REGISTRATION_H
#define MCP_EVENT_BENCH_REGISTRATION_H

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "event_fds.h"

namespace bench {

inline constexpr std::size_t kRegistered = 1000;

// As many events, created and destroyed: two steps, as often as asked for.
template <class Loop>
class Registration {
 public:
  explicit Registration(Loop& loop) : loop_(loop) { events_.reserve(fds_.size()); }

  std::vector<std::function<void()>> steps(std::size_t repeats) {
    std::vector<std::function<void()>> steps;
    for (; repeats > 0; --repeats) {
      steps.emplace_back([this] {
        for (const int fd : fds_.all()) {
          events_.emplace_back(loop_, fd, [](std::uint32_t) {});
        }
      });
      steps.emplace_back([this] { events_.clear(); });
    }
    return steps;
  }

  // Nanoseconds an event, of the wall time of all steps: {create, destroy}.
  static std::vector<double> costs(const std::vector<double>& times) {
    std::vector<double> costs(2, 0);
    for (std::size_t i = 0; i < times.size(); ++i) {
      costs[i % 2] += 2 * times[i] / static_cast<double>(kRegistered * times.size());
    }
    return costs;
  }

 private:
  Loop& loop_;
  const EventFds fds_{kRegistered};
  std::vector<typename Loop::FileEvent> events_;
};

}  // namespace bench

#endif  // MCP_EVENT_BENCH_REGISTRATION_H
