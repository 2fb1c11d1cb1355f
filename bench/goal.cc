#include "goal.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>

namespace bench {
namespace {

// Figures within half a per cent of the bound count as on it: no run repeats more exactly.
constexpr double kTolerance = 1.005;

std::string factor_text(double factor) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", factor);
  return text;
}

std::string words(const Goal& goal) {
  if (goal.against.empty()) {
    return "<= " + show(goal.plus);
  }
  return "<= " + factor_text(goal.factor) + " x " + goal.against +
         (goal.metric.empty() ? "" : ", " + goal.metric) + (goal.plus == 0 ? "" : " + " + show(goal.plus));
}

// How many times the bound each figure is. Of a bound of 0 it is no multiple.
Rounds shares(const Rounds& figures, const Rounds& bounds) {
  Rounds shares;
  for (std::size_t round = 0; round < std::min(figures.size(), bounds.size()); ++round) {
    shares.push_back(bounds[round] != 0 ? figures[round] / bounds[round] : figures[round] > 0 ? INFINITY : 0);
  }
  return shares;
}

}  // namespace

bool Verdict::known() const { return !std::isnan(of_bound); }

bool Verdict::met() const { return known() && of_bound <= kTolerance; }

std::string Verdict::text() const {
  if (met()) {
    return "met";
  }
  return "MISSED" + (std::isinf(of_bound) ? "" : ": " + factor_text(of_bound) + " x the bound");
}

Verdict judge(const Goal& goal, const std::string& metric, const Figures& figures) {
  const auto contender = goal.contender.empty() ? std::string(kOurs) : goal.contender;
  const auto subject = rounds_of(figures, contender, metric);
  const auto other = rounds_of(figures, goal.against, goal.metric.empty() ? metric : goal.metric);
  Rounds bounds(subject.size(), goal.plus);
  if (!goal.against.empty()) {
    bounds.clear();
    for (const double figure : other) {
      bounds.push_back(goal.factor * figure + goal.plus);
    }
  }
  return {words(goal),     contender,
          median(subject), goal.against,
          median(other),   median_ratio(subject, other),
          median(bounds),  median(shares(subject, bounds))};
}

}  // namespace bench
