// The two clocks that the benchmarks read.
#ifndef MCP_EVENT_BENCH_CLOCK_H
#define MCP_EVENT_BENCH_CLOCK_H

#include <cstdint>
#include <ctime>

namespace bench {

inline std::int64_t read_clock_ns(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

inline std::int64_t now_ns() { return read_clock_ns(CLOCK_MONOTONIC); }

// CPU time of the calling thread, the kernel's work for it included.
inline std::int64_t thread_cpu_ns() { return read_clock_ns(CLOCK_THREAD_CPUTIME_ID); }

// Runs `work`, which does `ops` operations, and gives the wall time of one in nanoseconds.
template <class Work>
double ns_per_op(std::size_t ops, Work&& work) {
  const auto start = now_ns();
  work();
  return static_cast<double>(now_ns() - start) / static_cast<double>(ops);
}

}  // namespace bench

#endif  // MCP_EVENT_BENCH_CLOCK_H
