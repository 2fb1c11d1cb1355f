// What was measured, and what is made of it: medians, quartiles, ratios.
#ifndef MCP_EVENT_BENCH_FIGURES_H
#define MCP_EVENT_BENCH_FIGURES_H

#include <map>
#include <string>
#include <vector>

namespace bench {

// A figure a round; NAN where there is none.
using Rounds = std::vector<double>;

// contender -> metric -> rounds
using Figures = std::map<std::string, std::map<std::string, Rounds>>;

// The rounds of one contender's metric; none if it was not measured.
Rounds rounds_of(const Figures& figures, const std::string& contender, const std::string& metric);

// The figure that `share` of the rounds do not exceed, interpolated between two; NAN if there is none.
double quantile(Rounds rounds, double share);

double median(Rounds rounds);

// The median of the ratios within each round.
double median_ratio(const Rounds& numerators, const Rounds& denominators);

// Three digits, about; "-" for NAN.
std::string show(double figure);

}  // namespace bench

#endif  // MCP_EVENT_BENCH_FIGURES_H
