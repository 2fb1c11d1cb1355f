#include "harness.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

namespace bench {
namespace {

// contender -> metric -> the figure of each round
using Figures = std::map<std::string, std::map<std::string, std::vector<double>>>;

double median(std::vector<double> values) {
  values.erase(std::remove_if(values.begin(), values.end(), [](double v) { return std::isnan(v); }),
               values.end());
  if (values.empty()) {
    return NAN;
  }
  std::sort(values.begin(), values.end());
  const auto middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double median_ratio(const std::vector<double>& numerators, const std::vector<double>& denominators) {
  std::vector<double> ratios;
  for (std::size_t round = 0; round < std::min(numerators.size(), denominators.size()); ++round) {
    ratios.push_back(denominators[round] == 0 ? NAN : numerators[round] / denominators[round]);
  }
  return median(std::move(ratios));
}

std::string format(const char* pattern, double value) {
  char text[64];
  std::snprintf(text, sizeof text, pattern, value);
  return text;
}

std::string figure(double value) {
  if (std::isnan(value)) {
    return "-";
  }
  return format(std::abs(value) >= 100 ? "%.0f" : std::abs(value) >= 10 ? "%.1f" : "%.2f", value);
}

// Figures within half a per cent of the bound count as on it: no run repeats more exactly.
constexpr double kTolerance = 1.005;

struct Verdict {
  bool known = false;
  bool met = false;
  std::string text;
};

Verdict judge(const Goal& goal, const Metric& metric, const Figures& figures) {
  const auto find = [&figures](const std::string& contender, const std::string& of) -> std::vector<double> {
    const auto row = figures.find(contender);
    return row == figures.end() || row->second.count(of) == 0 ? std::vector<double>{} : row->second.at(of);
  };
  const auto whose = goal.contender.empty() ? std::string(kOurs) : goal.contender;
  auto subject = find(whose, metric.name);
  Verdict verdict;
  std::ostringstream text;
  if (whose != kOurs) {
    text << whose << ' ';
  }
  double actual = NAN;
  double bound = goal.factor;
  if (goal.against.empty()) {
    bound = goal.plus;
    actual = median(subject);
    text << "<= " << figure(bound);
  } else {
    for (auto& value : subject) {
      value -= goal.plus;
    }
    actual = median_ratio(subject, find(goal.against, goal.metric.empty() ? metric.name : goal.metric));
    text << "<= " << format("%.3g", goal.factor) << " x "
         << (goal.metric.empty() ? goal.against : goal.against + "'s " + goal.metric);
    if (goal.plus != 0) {
      text << " + " << figure(goal.plus);
    }
  }
  verdict.known = !std::isnan(actual);
  verdict.met = verdict.known && actual <= bound * kTolerance;
  text << ": " << (verdict.known ? format("%.3g", actual) : "not measured");
  text << (verdict.met ? " met" : verdict.known ? " MISSED" : "");
  verdict.text = text.str();
  return verdict;
}

void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const auto& row : rows) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      widths[column] = std::max(widths[column], row[column].size());
    }
  }
  const auto print_row = [&widths](const std::vector<std::string>& row) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      std::printf("| %-*s ", static_cast<int>(widths[column]), row[column].c_str());
    }
    std::printf("|\n");
  };
  print_row(rows.front());
  for (const auto width : widths) {
    std::printf("|%s", std::string(width + 2, '-').c_str());
  }
  std::printf("|\n");
  std::for_each(rows.begin() + 1, rows.end(), print_row);
  std::printf("\n");
  std::fflush(stdout);
}

// No name of ours holds a quote or a backslash, so none is escaped.
std::string quoted(const std::string& text) { return '"' + text + '"'; }

std::string json_number(double value) { return std::isnan(value) ? "null" : format("%.6g", value); }

std::string json_object(const std::string& area, const Experiment& experiment, const Metric& metric,
                        const Contender& contender, const std::vector<double>& rounds) {
  std::ostringstream json;
  json << "{\"area\": " << quoted(area) << ", \"experiment\": " << quoted(experiment.title)
       << ", \"metric\": " << quoted(metric.name) << ", \"unit\": " << quoted(metric.unit)
       << ", \"contender\": " << quoted(contender.name) << ", \"operations\": " << experiment.operations
       << ", \"median\": " << json_number(median(rounds)) << ", \"rounds\": [";
  for (std::size_t i = 0; i < rounds.size(); ++i) {
    json << (i == 0 ? "" : ", ") << json_number(rounds[i]);
  }
  json << "]}";
  return json.str();
}

Figures measure(const Experiment& experiment, const std::vector<const Contender*>& running, int rounds) {
  Figures figures;
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t turn = 0; turn < running.size(); ++turn) {
      const auto& contender = *running[(static_cast<std::size_t>(round) + turn) % running.size()];
      const auto measured = contender.measure();
      for (std::size_t i = 0; i < experiment.metrics.size(); ++i) {
        figures[contender.name][experiment.metrics[i].name].push_back(i < measured.size() ? measured[i]
                                                                                          : NAN);
      }
    }
  }
  return figures;
}

// A contender's figure, and how many times ours it is.
std::string cell(const Figures& figures, const Contender& contender, const Metric& metric) {
  const auto& theirs = figures.at(contender.name).at(metric.name);
  const auto ours = figures.find(kOurs);
  const bool compared = contender.name != kOurs && ours != figures.end();
  const auto ratio = compared ? median_ratio(theirs, ours->second.at(metric.name)) : NAN;
  return figure(median(theirs)) + (std::isnan(ratio) ? "" : format(" (%.3gx)", ratio));
}

void usage(const char* program) {
  std::fprintf(stderr,
               "usage: %s [--quick] [--rounds N] [--only EXPERIMENT] [--contender NAME] [--json FILE]\n"
               "  --quick      two short rounds: does it run, not how fast\n"
               "  --only       experiments whose title contains this\n"
               "  --contender  contenders whose name contains this (to profile one alone)\n",
               program);
  std::exit(2);
}

}  // namespace

std::vector<Contender> operator+(std::vector<Contender> some, std::vector<Contender> more) {
  std::move(more.begin(), more.end(), std::back_inserter(some));
  return some;
}

Program::Program(int argc, char** argv, std::string area) : area_(std::move(area)) {
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    const auto value = [&]() -> std::string { return i + 1 < argc ? argv[++i] : (usage(argv[0]), ""); };
    if (option == "--quick") {
      quick_ = true;
      rounds_ = 2;
    } else if (option == "--rounds") {
      rounds_ = std::max(1, std::atoi(value().c_str()));
    } else if (option == "--only") {
      only_experiment_ = value();
    } else if (option == "--contender") {
      only_contender_ = value();
    } else if (option == "--json") {
      json_path_ = value();
    } else {
      usage(argv[0]);
    }
  }
  std::printf("## %s\n\n", area_.c_str());
}

void Program::run(const Experiment& experiment) {
  if (experiment.title.find(only_experiment_) == std::string::npos) {
    return;
  }
  std::vector<const Contender*> running;
  for (const auto& contender : experiment.contenders) {
    if (contender.name.find(only_contender_) != std::string::npos) {
      running.push_back(&contender);
    }
  }
  if (running.empty()) {
    return;
  }

  const auto figures = measure(experiment, running, quick_ ? rounds_ : rounds_ * experiment.rounds_factor);
  std::vector<std::vector<std::string>> table{{experiment.title}};
  for (const auto* contender : running) {
    table.front().push_back(contender->name);
  }
  table.front().push_back("goals");
  for (const auto& metric : experiment.metrics) {
    table.push_back({metric.name + ", " + metric.unit});
    for (const auto* contender : running) {
      const auto& rounds = figures.at(contender->name).at(metric.name);
      table.back().push_back(cell(figures, *contender, metric));
      json_ += (json_.empty() ? "  " : ",\n  ") + json_object(area_, experiment, metric, *contender, rounds);
    }
    std::string verdicts;
    for (const auto& goal : metric.goals) {
      const auto verdict = judge(goal, metric, figures);
      verdicts += (verdicts.empty() ? "" : "; ") + verdict.text;
      goals_ += verdict.known ? 1 : 0;
      goals_met_ += verdict.met ? 1 : 0;
    }
    table.back().push_back(verdicts);
  }
  print_table(table);
}

int Program::finish() {
  std::printf("%s: %d of %d goals met%s\n\n", area_.c_str(), goals_met_, goals_,
              quick_ ? " (--quick: the figures mean nothing)" : "");
  if (!json_path_.empty()) {
    std::ofstream file(json_path_);
    file << "[\n" << json_ << "\n]\n";
    if (!file.flush()) {
      std::fprintf(stderr, "cannot write %s\n", json_path_.c_str());
      return 1;
    }
  }
  return 0;
}

}  // namespace bench
