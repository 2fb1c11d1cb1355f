#include "harness.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "json.h"
#include "peers/versions.h"

namespace bench {
namespace {

using Table = std::vector<std::vector<std::string>>;

Table transposed(const Table& rows) {
  Table columns(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t column = 0; column < row.size(); ++column) {
      columns[column].push_back(row[column]);
    }
  }
  return columns;
}

void print_table(const Table& rows) {
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
  const auto theirs = rounds_of(figures, contender.name, metric.name);
  const auto ratio =
      contender.name == kOurs ? NAN : median_ratio(theirs, rounds_of(figures, kOurs, metric.name));
  return show(median(theirs)) + (std::isnan(ratio) ? "" : " (" + show(ratio) + "x)");
}

// A row for each contender, or, where sizes make many figures, for each of these; then a line for each goal.
void print(const Experiment& experiment, const std::vector<const Contender*>& contenders,
           const Figures& figures, const std::vector<std::vector<Verdict>>& verdicts) {
  Table table{{experiment.title}};
  for (const auto& metric : experiment.metrics) {
    table.front().push_back(metric.name + ", " + metric.unit);
  }
  for (const auto* contender : contenders) {
    table.push_back({contender->name});
    for (const auto& metric : experiment.metrics) {
      table.back().push_back(cell(figures, *contender, metric));
    }
  }
  print_table(experiment.metrics.front().curve.empty() ? table : transposed(table));
  for (std::size_t i = 0; i < verdicts.size(); ++i) {
    for (const auto& verdict : verdicts[i]) {
      std::printf("%s, %s: %s %s: %s\n", experiment.metrics[i].name.c_str(), verdict.contender.c_str(),
                  show(verdict.figure).c_str(), verdict.goal.c_str(), verdict.text().c_str());
    }
  }
  std::printf("\n");
  std::fflush(stdout);
}

std::string json_figure(const Figures& figures, const Contender& contender, const Metric& metric) {
  const auto rounds = rounds_of(figures, contender.name, metric.name);
  const auto ours = rounds_of(figures, kOurs, metric.name);
  std::vector<std::string> all;
  std::transform(rounds.begin(), rounds.end(), std::back_inserter(all), json::number);
  return json::object({{"contender", json::text(contender.name)},
                       {"median", json::number(median(rounds))},
                       {"quartiles", json::list({json::number(quantile(rounds, 0.25)),
                                                 json::number(quantile(rounds, 0.75))})},
                       {"ratio", json::number(median_ratio(rounds, ours))},
                       {"rounds", json::list(all)}});
}

std::string json_goal(const Verdict& verdict) {
  return json::object({{"goal", json::text(verdict.goal)},
                       {"contender", json::text(verdict.contender)},
                       {"figure", json::number(verdict.figure)},
                       {"against", verdict.against.empty() ? "null" : json::text(verdict.against)},
                       {"against_figure", json::number(verdict.against_figure)},
                       {"ratio", json::number(verdict.ratio)},
                       {"bound", json::number(verdict.bound)},
                       {"of_bound", json::number(verdict.of_bound)},
                       {"met", json::boolean(verdict.met())}});
}

std::string json_row(const Experiment& experiment, const Metric& metric,
                     const std::vector<const Contender*>& contenders, const Figures& figures,
                     const std::vector<Verdict>& verdicts) {
  std::vector<std::string> measured;
  for (const auto* contender : contenders) {
    measured.push_back(json_figure(figures, *contender, metric));
  }
  std::vector<std::string> goals;
  std::transform(verdicts.begin(), verdicts.end(), std::back_inserter(goals), json_goal);
  return json::object({{"experiment", json::text(experiment.title)},
                       {"metric", json::text(metric.name)},
                       {"curve", metric.curve.empty() ? "null" : json::text(metric.curve)},
                       {"size", metric.curve.empty() ? "null" : std::to_string(metric.size)},
                       {"unit", json::text(metric.unit)},
                       {"operations", std::to_string(experiment.operations)},
                       {"figures", json::list(measured)},
                       {"goals", json::list(goals)}});
}

void usage(const char* program) {
  std::fprintf(
      stderr,
      "usage: %s [--quick] [--rounds N] [--only EXPERIMENT] [--contender NAME] [--json FILE]\n"
      "  --quick      two short rounds: does it run, not how fast\n"
      "  --only       experiments whose title contains this\n"
      "  --contender  the one of this name, or else all whose name contains it (to profile one alone)\n",
      program);
  std::exit(2);
}

}  // namespace

std::vector<Contender> operator+(std::vector<Contender> some, std::vector<Contender> more) {
  std::move(more.begin(), more.end(), std::back_inserter(some));
  return some;
}

Program::Program(int argc, char** argv, std::string area, int rounds)
    : area_(std::move(area)), rounds_(rounds) {
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

std::vector<const Contender*> Program::chosen(const Experiment& experiment) const {
  std::vector<const Contender*> chosen;
  if (experiment.title.find(only_experiment_) == std::string::npos) {
    return chosen;
  }
  for (const auto& contender : experiment.contenders) {
    if (contender.name == only_contender_) {
      return {&contender};
    }
    if (contender.name.find(only_contender_) != std::string::npos) {
      chosen.push_back(&contender);
    }
  }
  return chosen;
}

void Program::run(const Experiment& experiment) {
  const auto running = chosen(experiment);
  if (running.empty()) {
    return;
  }
  const auto figures = measure(experiment, running, quick_ ? rounds_ : rounds_ * experiment.rounds_factor);
  std::vector<std::vector<Verdict>> verdicts;
  for (const auto& metric : experiment.metrics) {
    verdicts.emplace_back();
    for (const auto& goal : metric.goals) {
      auto verdict = judge(goal, metric.name, figures);
      if (verdict.known()) {
        verdicts.back().push_back(std::move(verdict));
      }
    }
    json_rows_.push_back(json_row(experiment, metric, running, figures, verdicts.back()));
  }
  print(experiment, running, figures, verdicts);
}

int Program::finish() {
  if (quick_) {
    std::printf("(--quick: the figures mean nothing)\n\n");
  }
  if (json_path_.empty()) {
    return 0;
  }
  std::vector<std::pair<std::string, std::string>> versions;
  for (const auto& version : peer_versions()) {
    versions.emplace_back(version.first, json::text(version.second));
  }
  std::ofstream file(json_path_);
  file << json::object({{"area", json::text(area_)},
                        {"standard", json::text(kOurs)},
                        {"quick", json::boolean(quick_)},
                        {"versions", json::object(versions)},
                        {"rows", json::list(json_rows_, ",\n")}})
       << '\n';
  if (!file.flush()) {
    std::fprintf(stderr, "cannot write %s\n", json_path_.c_str());
    return 1;
  }
  return 0;
}

}  // namespace bench
