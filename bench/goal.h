// What a figure is to reach, and whether it did.
#ifndef MCP_EVENT_BENCH_GOAL_H
#define MCP_EVENT_BENCH_GOAL_H

#include <string>

#include "figures.h"

namespace bench {

// The contender that goals are about, and that ratios are taken to.
inline constexpr const char* kOurs = "mcp::event";

// The goal is met if `our figure <= factor * (the figure of against) + plus`. Without `against`: `<= plus`.
struct Goal {
  double factor = 0;
  std::string against{};
  double plus = 0;
  std::string metric{};     // of `against`; empty: the goal's own
  std::string contender{};  // whose figure the goal is about; empty: kOurs
};

struct Verdict {
  std::string goal;       // in words, without whose it is
  std::string contender;  // whose figure it is about
  double figure;          // its median
  std::string against;    // empty if the goal is a number alone
  double against_figure;  // NAN without `against`, as is the ratio
  double ratio;           // the median of the rounds' ratios
  double bound;           // the median of the greatest figures that the goal allows
  double of_bound;        // how many times what the goal allows the figure is; NAN if it was not measured

  bool known() const;
  bool met() const;
  // "met", or by how much it is missed; of a known one.
  std::string text() const;
};

Verdict judge(const Goal& goal, const std::string& metric, const Figures& figures);

}  // namespace bench

#endif  // MCP_EVENT_BENCH_GOAL_H
