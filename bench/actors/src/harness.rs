//! Alternating rounds, medians, ratios, goals, tables: the manner of `bench/harness.h`, with a row for each contender.
//!
//! A round measures every contender once, and each round starts with the next one, so that a slow minute of the
//! machine falls on all of them. A figure is the median of the rounds; a ratio is the median of the ratios to
//! one of them within each round.

use std::fmt::Write as _;
use std::{env, fs, process};

/// What a figure is to reach. A program has goals of some kinds only.
#[allow(dead_code)]
pub enum Goal {
    /// The standard's figure.
    AtMost(f64),
    AtLeast(f64),
    /// A contender's figure is so many times the standard's, at most.
    Times {
        contender: &'static str,
        factor: f64,
    },
}

/// One contender's measurement of an experiment: a figure in the experiment's unit.
pub struct Entry<'a> {
    pub contender: &'a str,
    pub measure: Box<dyn Fn() -> f64 + 'a>,
}

pub struct Experiment<'a> {
    pub title: &'a str,
    pub unit: &'a str,
    /// How many operations ours does each time it is measured: for counting instructions.
    pub operations: usize,
    pub goals: Vec<Goal>,
    pub entries: Vec<Entry<'a>>,
}

/// Where on a curve of costs an experiment is. Not every program draws one.
#[allow(dead_code)]
#[derive(Clone, Copy)]
pub struct Point<'a> {
    pub curve: &'a str,
    pub size: usize,
}

/// The command line, and what was measured so far.
pub struct Program {
    area: &'static str,
    /// The contender that goals are about, and that ratios are taken to.
    standard: &'static str,
    rounds: usize,
    quick: bool,
    json_path: Option<String>,
    only_experiment: String,
    only_contender: String,
    json: Vec<String>,
}

const USAGE: &str = "usage: [--quick] [--rounds N] [--only EXPERIMENT] [--contender NAME] [--json FILE]
  --quick      two short rounds: does it run, not how fast
  --only       experiments whose title contains this
  --contender  contenders whose name contains this (to profile one alone)";

fn refuse() -> ! {
    eprintln!("{USAGE}");
    process::exit(2);
}

impl Program {
    /// `standard` is the contender that goals are about, and that ratios are taken to.
    pub fn from_arguments(area: &'static str, standard: &'static str) -> Program {
        let mut program = Program {
            area,
            standard,
            rounds: 7,
            quick: false,
            json_path: None,
            only_experiment: String::new(),
            only_contender: String::new(),
            json: Vec::new(),
        };
        let mut arguments = env::args().skip(1);
        while let Some(option) = arguments.next() {
            let mut value = || arguments.next().unwrap_or_else(|| refuse());
            match option.as_str() {
                "--quick" => (program.quick, program.rounds) = (true, 2),
                "--rounds" => {
                    program.rounds = value().parse().ok().filter(|n| *n > 0).unwrap_or_else(|| refuse())
                }
                "--only" => program.only_experiment = value(),
                "--contender" => program.only_contender = value(),
                "--json" => program.json_path = Some(value()),
                _ => refuse(),
            }
        }
        println!("## {area}\n");
        program
    }

    /// How many operations to do: all of them, or a small share with `--quick`.
    pub fn count(&self, full: usize) -> usize {
        if self.quick { full.div_ceil(50) } else { full }
    }

    pub fn run(&mut self, experiment: &Experiment<'_>) {
        self.run_at(None, experiment);
    }

    /// Runs an experiment whose figures are points of a curve: the cost at one size. The experiments of one curve follow
    /// each other.
    pub fn run_at(&mut self, point: Option<Point<'_>>, experiment: &Experiment<'_>) {
        let is_chosen = |entry: &&Entry<'_>| entry.contender.contains(&self.only_contender);
        let entries: Vec<_> = experiment.entries.iter().filter(is_chosen).collect();
        if !experiment.title.contains(&self.only_experiment) || entries.is_empty() {
            return;
        }
        let mut figures = vec![Vec::new(); entries.len()];
        // The points of a curve bear each other out.
        let rounds = if point.is_some() { self.rounds.min(3) } else { self.rounds };
        for round in 0..rounds {
            for turn in 0..entries.len() {
                let next = (round + turn) % entries.len();
                figures[next].push((entries[next].measure)());
            }
        }
        let measured = self.compare(&entries, &figures);
        print(experiment, self.standard, &measured);
        self.json.push(json_row(experiment, point, &measured));
    }

    fn compare<'a>(&self, entries: &[&Entry<'a>], figures: &'a [Vec<f64>]) -> Vec<Measured<'a>> {
        let standard = entries.iter().position(|entry| entry.contender == self.standard);
        let standard = standard.map(|row| &figures[row]);
        let compare = |(entry, rounds): (&&Entry<'a>, &'a Vec<f64>)| {
            let ratios =
                standard.map(|standard| rounds.iter().zip(standard).map(|(figure, its)| figure / its));
            Measured {
                contender: entry.contender,
                is_standard: entry.contender == self.standard,
                rounds,
                median: median(rounds),
                ratio: ratios.map_or(f64::NAN, |ratios| median(&ratios.collect::<Vec<_>>())),
            }
        };
        entries.iter().zip(figures).map(compare).collect()
    }

    /// Writes what `--json` asked for. A missed goal is not a failure: a timing is never an assertion.
    pub fn finish(self) {
        let Some(path) = self.json_path else { return };
        let text = format!(
            "{{\"area\": \"{}\", \"standard\": \"{}\", \"quick\": {}, \"rows\": [\n{}\n]}}\n",
            self.area,
            self.standard,
            self.quick,
            self.json.join(",\n")
        );
        if let Err(error) = fs::write(&path, text) {
            eprintln!("cannot write {path}: {error}");
            process::exit(1);
        }
    }
}

/// What an experiment found of one contender.
struct Measured<'a> {
    contender: &'a str,
    is_standard: bool,
    rounds: &'a [f64],
    median: f64,
    /// To the standard's figures.
    ratio: f64,
}

/// What became of a goal.
struct Verdict<'a> {
    goal: String,
    /// Whose figure it is about.
    about: &'a Measured<'a>,
    against: Option<&'a Measured<'a>>,
    /// The figure that would just do.
    bound: f64,
    /// How many times that the figure is; for a lower bound, the other way round.
    of_bound: f64,
}

impl Goal {
    /// None if nobody measured what it is about.
    fn judge<'a>(&self, measured: &'a [Measured<'a>]) -> Option<Verdict<'a>> {
        let standard = measured.iter().find(|one| one.is_standard)?;
        let figure = standard.median;
        let (goal, about, against, bound, of_bound) = match *self {
            Goal::AtMost(bound) => (format!("<= {}", show(bound)), standard, None, bound, figure / bound),
            Goal::AtLeast(bound) => (format!(">= {}", show(bound)), standard, None, bound, bound / figure),
            Goal::Times { contender, factor } => {
                let about = measured.iter().find(|one| one.contender == contender)?;
                let goal = format!("<= {factor} x {}", standard.contender);
                (goal, about, Some(standard), factor * figure, about.ratio / factor)
            }
        };
        Some(Verdict { goal, about, against, bound, of_bound })
    }
}

impl Verdict<'_> {
    /// Figures within half a per cent of the bound count as on it: no run repeats more exactly.
    fn is_met(&self) -> bool {
        self.of_bound <= 1.005
    }

    fn line(&self) -> String {
        let missed = || format!("MISSED: {} x the bound", show(self.of_bound));
        let verdict = if self.is_met() { "met".into() } else { missed() };
        format!("{}: {} {}: {verdict}", self.about.contender, show(self.about.median), self.goal)
    }
}

fn verdicts<'a>(experiment: &Experiment<'_>, measured: &'a [Measured<'a>]) -> Vec<Verdict<'a>> {
    experiment.goals.iter().filter_map(|goal| goal.judge(measured)).collect()
}

/// The figure that `share` of the rounds do not exceed, interpolated between two.
fn quantile(rounds: &[f64], share: f64) -> f64 {
    let mut rounds: Vec<_> = rounds.iter().copied().filter(|figure| !figure.is_nan()).collect();
    rounds.sort_by(f64::total_cmp);
    let Some(last) = rounds.len().checked_sub(1) else { return f64::NAN };
    let place = share * last as f64;
    let (below, above) = (rounds[place as usize], rounds[last.min(place as usize + 1)]);
    below + place.fract() * (above - below)
}

fn median(rounds: &[f64]) -> f64 {
    quantile(rounds, 0.5)
}

fn show(figure: f64) -> String {
    match figure.abs() {
        size if size.is_nan() => "-".into(),
        size if size >= 100.0 => format!("{figure:.0}"),
        size if size >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

/// A row for each contender; then a line for each goal.
fn print(experiment: &Experiment<'_>, standard: &str, measured: &[Measured<'_>]) {
    let mut table = vec![[experiment.title.into(), experiment.unit.into(), format!("to {standard}")]];
    for one in measured {
        let ratio =
            if one.is_standard || one.ratio.is_nan() { String::new() } else { show(one.ratio) + " x" };
        table.push([one.contender.into(), show(one.median), ratio]);
    }
    print_table(&table);
    verdicts(experiment, measured).iter().for_each(|verdict| println!("{}", verdict.line()));
    println!();
}

fn print_table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        for (column, cell) in row.iter().enumerate() {
            let _ = write!(text, "| {cell:<0$} ", width(column));
        }
        text.push_str("|\n");
        if number == 0 {
            (0..COLUMNS).for_each(|column| text += &format!("|{}", "-".repeat(width(column) + 2)));
            text.push_str("|\n");
        }
    }
    print!("{text}");
}

/// An experiment, for machines. No name of ours holds a quote or a backslash, so none is escaped.
fn json_row(experiment: &Experiment<'_>, point: Option<Point<'_>>, measured: &[Measured<'_>]) -> String {
    let point = point
        .map_or(String::new(), |Point { curve, size }| format!("\"curve\": \"{curve}\", \"size\": {size}, "));
    let number = |value: f64| if value.is_finite() { format!("{value:.3}") } else { "null".into() };
    let list = |values: Vec<String>| format!("[{}]", values.join(", "));
    let figure = |one: &Measured<'_>| {
        format!(
            "{{\"contender\": \"{}\", \"median\": {}, \"quartiles\": {}, \"ratio\": {}, \"rounds\": {}}}",
            one.contender,
            number(one.median),
            list(vec![number(quantile(one.rounds, 0.25)), number(quantile(one.rounds, 0.75))]),
            number(one.ratio),
            list(one.rounds.iter().copied().map(number).collect()),
        )
    };
    let goal = |verdict: &Verdict<'_>| {
        let against = verdict.against.map_or("null".into(), |against| format!("\"{}\"", against.contender));
        format!(
            "{{\"goal\": \"{}\", \"contender\": \"{}\", \"figure\": {}, \"against\": {against}, \
             \"against_figure\": {}, \"ratio\": {}, \"bound\": {}, \"of_bound\": {}, \"met\": {}}}",
            verdict.goal,
            verdict.about.contender,
            number(verdict.about.median),
            number(verdict.against.map_or(f64::NAN, |against| against.median)),
            number(verdict.against.map_or(f64::NAN, |_| verdict.about.ratio)),
            number(verdict.bound),
            number(verdict.of_bound),
            verdict.is_met(),
        )
    };
    format!(
        "{{\"experiment\": \"{}\", {point}\"unit\": \"{}\", \"operations\": {}, \"figures\": {}, \"goals\": {}}}",
        experiment.title,
        experiment.unit,
        experiment.operations,
        list(measured.iter().map(figure).collect()),
        list(verdicts(experiment, measured).iter().map(goal).collect()),
    )
}
