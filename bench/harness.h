// What every benchmark program shares: alternating rounds, medians, ratios, goals, tables.
//
// An experiment has contenders and metrics. A round measures every contender once, and each round starts with
// the next one, so that a slow minute of the machine falls on all of them. A figure is the median of the
// rounds; a ratio is the median of the ratios within each round, so only figures taken side by side are
// compared.
#ifndef MCP_EVENT_BENCH_HARNESS_H
#define MCP_EVENT_BENCH_HARNESS_H

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "figures.h"
#include "goal.h"

namespace bench {

struct Metric {
  std::string name;
  std::string unit;
  std::vector<Goal> goals{};
  // Of the metrics with the same curve, each is the cost at one size; they are shown in one picture.
  std::string curve{};
  std::size_t size = 0;
};

// `measure` gives one figure a metric, in their order; NAN for one that does not apply.
struct Contender {
  std::string name;
  std::function<std::vector<double>()> measure;
};

struct Experiment {
  std::string title;
  // How many operations a contender does each time it is measured: for counting instructions.
  std::size_t operations;
  std::vector<Metric> metrics;
  std::vector<Contender> contenders;
  // So many times the rounds: for short measurements of small differences.
  int rounds_factor = 1;
};

// Carries a type into a generic lambda.
template <class T>
struct Tag {
  using type = T;
};

// One contender for each loop type: `measure(Tag<Loop>{})` gives its figures.
template <class... Loops, class Measure>
std::vector<Contender> contenders(const Measure& measure) {
  return {Contender{Loops::kName, [measure] { return std::vector<double>(measure(Tag<Loops>{})); }}...};
}

std::vector<Contender> operator+(std::vector<Contender> some, std::vector<Contender> more);

// A benchmark program: reads the command line, runs experiments, prints a table for each, writes the JSON.
class Program {
 public:
  Program(int argc, char** argv, std::string area, int rounds = 7);

  // How many operations to do: all of them, or a small share with --quick.
  std::size_t count(std::size_t full) const { return quick_ ? (full + 49) / 50 : full; }
  bool quick() const { return quick_; }

  void run(const Experiment& experiment);

  // Writes what --json asked for; the exit status of the program. A missed goal is not a failure: a timing is
  // never an assertion.
  int finish();

 private:
  // The contenders that the command line chose.
  std::vector<const Contender*> chosen(const Experiment& experiment) const;

  std::string area_;
  int rounds_;
  bool quick_ = false;
  std::string json_path_;
  std::string only_experiment_;
  std::string only_contender_;
  std::vector<std::string> json_rows_;
};

}  // namespace bench

#endif  // MCP_EVENT_BENCH_HARNESS_H
