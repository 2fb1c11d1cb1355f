// Percentiles of many times.
#ifndef MCP_EVENT_BENCH_PERCENTILES_H
#define MCP_EVENT_BENCH_PERCENTILES_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bench {

// The time, in microseconds, that is longer than so many per cent of `times_ns`: one figure for each of
// `percents`. There is at least one time.
inline std::vector<double> percentiles_us(std::vector<std::int64_t> times_ns,
                                          const std::vector<double>& percents) {
  std::sort(times_ns.begin(), times_ns.end());
  std::vector<double> figures;
  for (const double percent : percents) {
    const auto rank = static_cast<std::size_t>(static_cast<double>(times_ns.size()) * percent / 100);
    figures.push_back(static_cast<double>(times_ns[std::min(rank, times_ns.size() - 1)]) / 1000);
  }
  return figures;
}

}  // namespace bench

#endif  // MCP_EVENT_BENCH_PERCENTILES_H
