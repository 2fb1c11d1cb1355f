// What the two libevent peers share.
#ifndef MCP_EVENT_BENCH_LIBEVENT_BASE_H
#define MCP_EVENT_BENCH_LIBEVENT_BASE_H

#include <sys/time.h>

#include <chrono>

struct event_base;

namespace bench {

// A base that other threads may wake, as every multi-threaded user of libevent makes it.
event_base* new_libevent_base();

inline timeval to_timeval(std::chrono::microseconds delay) {
  return {static_cast<time_t>(delay.count() / 1'000'000),
          static_cast<suseconds_t>(delay.count() % 1'000'000)};
}

}  // namespace bench

#endif  // MCP_EVENT_BENCH_LIBEVENT_BASE_H
