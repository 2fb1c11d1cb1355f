//! Alternating rounds, medians, ratios, goals, tables: the manner of `bench/harness.h`, with a row for each contender.
//!
//! A round measures every contender once, and each round starts with the next one, so that a slow minute of the
//! machine falls on all of them. A figure is the median of the rounds; a ratio is the median of the ratios to
//! one of them within each round.

use std::fmt::Write as _;
use std::{env, fs, process};

/// What ours is to reach.
pub enum Goal {
    AtMost(f64),
    AtLeast(f64),
}

impl Goal {
    fn verdict(&self, figure: f64) -> String {
        // Figures within half a per cent of the bound count as on it: no run repeats more exactly.
        let (sign, bound, met) = match *self {
            Goal::AtMost(bound) => ("<=", bound, figure <= bound * 1.005),
            Goal::AtLeast(bound) => (">=", bound, figure >= bound * 0.995),
        };
        format!("{sign} {} {}", show(bound), if met { "met" } else { "MISSED" })
    }
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
        let is_chosen = |entry: &&Entry<'_>| entry.contender.contains(&self.only_contender);
        let entries: Vec<_> = experiment.entries.iter().filter(is_chosen).collect();
        if !experiment.title.contains(&self.only_experiment) || entries.is_empty() {
            return;
        }
        let mut figures = vec![Vec::new(); entries.len()];
        for round in 0..self.rounds {
            for turn in 0..entries.len() {
                let next = (round + turn) % entries.len();
                figures[next].push((entries[next].measure)());
            }
        }
        self.print(experiment, &entries, &figures);
        for (entry, rounds) in entries.iter().zip(&figures) {
            self.json.push(json(self.area, experiment, entry, rounds));
        }
    }

    fn print(&self, experiment: &Experiment<'_>, entries: &[&Entry<'_>], figures: &[Vec<f64>]) {
        let ours = entries.iter().position(|entry| entry.contender == self.standard).map(|row| &figures[row]);
        let unit = experiment.unit;
        let mut table =
            vec![[experiment.title.into(), unit.into(), format!("to {}", self.standard), "goals".into()]];
        for (entry, rounds) in entries.iter().zip(figures) {
            let is_ours = entry.contender == self.standard;
            let ratios = ours.map(|ours| rounds.iter().zip(ours).map(|(theirs, ours)| theirs / ours));
            let ratio = ratios.map_or(f64::NAN, median);
            let ratio = if is_ours || ratio.is_nan() { String::new() } else { format!("{ratio:.2} x") };
            let figure = median(rounds.iter().copied());
            let goals = if is_ours { experiment.goals.as_slice() } else { &[] };
            let verdicts: Vec<_> = goals.iter().map(|goal| goal.verdict(figure)).collect();
            table.push([entry.contender.into(), show(figure), ratio, verdicts.join("; ")]);
        }
        print_table(&table);
    }

    /// Writes what `--json` asked for. A missed goal is not a failure: a timing is never an assertion.
    pub fn finish(self) {
        let Some(path) = self.json_path else { return };
        if let Err(error) = fs::write(&path, format!("[\n{}\n]\n", self.json.join(",\n"))) {
            eprintln!("cannot write {path}: {error}");
            process::exit(1);
        }
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.filter(|value| !value.is_nan()).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[middle],
        _ => (values[middle - 1] + values[middle]) / 2.0,
    }
}

fn show(figure: f64) -> String {
    match figure.abs() {
        size if size.is_nan() => "-".into(),
        size if size >= 100.0 => format!("{figure:.0}"),
        size if size >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
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
    println!("{text}");
}

/// No name of ours holds a quote or a backslash, so none is escaped.
fn json(area: &str, experiment: &Experiment<'_>, entry: &Entry<'_>, rounds: &[f64]) -> String {
    let number = |value: f64| if value.is_nan() { "null".into() } else { format!("{value:.3}") };
    let all: Vec<_> = rounds.iter().copied().map(number).collect();
    format!(
        "  {{\"area\": \"{area}\", \"experiment\": \"{}\", \"unit\": \"{}\", \"contender\": \"{}\", \
         \"operations\": {}, \"median\": {}, \"rounds\": [{}]}}",
        experiment.title,
        experiment.unit,
        entry.contender,
        experiment.operations,
        number(median(rounds.iter().copied())),
        all.join(", "),
    )
}
