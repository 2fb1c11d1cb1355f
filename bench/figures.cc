#include "figures.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <utility>

namespace bench {

Rounds rounds_of(const Figures& figures, const std::string& contender, const std::string& metric) {
  const auto row = figures.find(contender);
  return row == figures.end() || row->second.count(metric) == 0 ? Rounds{} : row->second.at(metric);
}

double quantile(Rounds rounds, double share) {
  rounds.erase(std::remove_if(rounds.begin(), rounds.end(), [](double v) { return std::isnan(v); }),
               rounds.end());
  if (rounds.empty()) {
    return NAN;
  }
  std::sort(rounds.begin(), rounds.end());
  const double place = share * static_cast<double>(rounds.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const auto above = std::min(below + 1, rounds.size() - 1);
  // Not a weighted sum: two infinite figures have no difference.
  return rounds[below] == rounds[above]
             ? rounds[below]
             : rounds[below] + (place - static_cast<double>(below)) * (rounds[above] - rounds[below]);
}

double median(Rounds rounds) { return quantile(std::move(rounds), 0.5); }

double median_ratio(const Rounds& numerators, const Rounds& denominators) {
  Rounds ratios;
  for (std::size_t round = 0; round < std::min(numerators.size(), denominators.size()); ++round) {
    ratios.push_back(denominators[round] == 0 ? NAN : numerators[round] / denominators[round]);
  }
  return median(std::move(ratios));
}

std::string show(double figure) {
  if (std::isnan(figure)) {
    return "-";
  }
  const double size = std::abs(figure);
  char text[64];
  std::snprintf(text, sizeof text, size >= 100 ? "%.0f" : size >= 10 ? "%.1f" : "%.2f", figure);
  return text;
}

}  // namespace bench
