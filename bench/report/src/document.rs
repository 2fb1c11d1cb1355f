//! All that one run measured, as it is written with `--json`.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::versions;

#[derive(Serialize)]
pub struct Document {
    pub run: Run,
    /// Of this library, of its peers, of the compilers.
    pub versions: BTreeMap<String, String>,
    pub areas: Vec<Area>,
}

/// When, on what, and of what.
#[derive(Serialize, Deserialize)]
pub struct Run {
    pub date: String,
    pub commit: String,
    pub processor: String,
    pub processors: u32,
    /// Over the minute before the first measurement.
    pub load: f64,
    pub kernel: String,
    #[serde(skip_serializing)]
    rustc: String,
    /// In the order of the run.
    #[serde(skip_serializing)]
    areas: Vec<String>,
}

/// What one program measured.
#[derive(Serialize, Deserialize)]
pub struct Area {
    pub area: String,
    /// The contender that ratios are taken to.
    pub standard: String,
    /// Whether the figures mean nothing.
    pub quick: bool,
    #[serde(default, skip_serializing)]
    versions: BTreeMap<String, String>,
    pub rows: Vec<Row>,
}

/// One figure of each contender, in the order of the run.
#[derive(Serialize, Deserialize)]
pub struct Row {
    pub experiment: String,
    /// None if the experiment has but one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<String>,
    /// If the figures are the costs at one size: what the sizes have in common, and the size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curve: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    pub unit: String,
    /// How many of them a round does.
    pub operations: u64,
    pub figures: Vec<Figure>,
    pub goals: Vec<Goal>,
}

/// None is what could not be measured.
#[derive(Serialize, Deserialize)]
pub struct Figure {
    pub contender: String,
    pub median: Option<f64>,
    /// A quarter of the rounds is below the first, a quarter above the second.
    pub quartiles: [Option<f64>; 2],
    /// The median of the rounds' ratios to the standard.
    pub ratio: Option<f64>,
    pub rounds: Vec<Option<f64>>,
}

#[derive(Serialize, Deserialize)]
pub struct Goal {
    /// In words.
    pub goal: String,
    /// Whose figure it is about.
    pub contender: String,
    pub figure: Option<f64>,
    /// Whose figure it is compared with, if not with a number alone.
    pub against: Option<String>,
    pub against_figure: Option<f64>,
    pub ratio: Option<f64>,
    /// The figure that would just do.
    pub bound: Option<f64>,
    /// How many times that the figure is; for a lower bound, the other way round.
    pub of_bound: Option<f64>,
    pub met: bool,
}

impl Document {
    /// Reads what `bench/run.sh` left in `directory`: `run.json`, and a file for each area that it names.
    pub fn read(directory: &Path) -> Result<Document, Box<dyn Error>> {
        let run: Run = read(&directory.join("run.json"))?;
        let area = |name| read(&directory.join(name).with_extension("json"));
        let areas: Vec<Area> = run.areas.iter().map(area).collect::<Result<_, _>>()?;
        let mut versions = versions::of_crates();
        versions.insert("rustc".into(), run.rustc.clone());
        for area in &areas {
            versions.extend(area.versions.clone());
        }
        Ok(Document { run, versions, areas })
    }

    pub fn is_quick(&self) -> bool {
        self.areas.iter().any(|area| area.quick)
    }
}

impl Area {
    /// All that were measured, in the order of the run.
    pub fn contenders(&self) -> Vec<&str> {
        let mut contenders = Vec::new();
        for figure in self.rows.iter().flat_map(|row| &row.figures) {
            if !contenders.contains(&figure.contender.as_str()) {
                contenders.push(&figure.contender);
            }
        }
        contenders
    }
}

impl Row {
    pub fn title(&self) -> String {
        let metric = self.metric.iter().map(|metric| format!(": {metric}")).collect::<String>();
        format!("{}{metric}, {}", self.experiment, self.unit)
    }

    /// Whether it is a rate, not a cost.
    pub fn more_is_better(&self) -> bool {
        self.unit.ends_with("/s")
    }
}

impl Goal {
    /// "met", or by how much it is missed.
    pub fn verdict(&self) -> String {
        match self.of_bound {
            _ if self.met => "met".into(),
            Some(of_bound) => format!("missed: {} x the bound", show(of_bound)),
            None => "missed".into(),
        }
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Three digits that count, all of a whole number.
pub fn show(figure: f64) -> String {
    let decimals = (2 - figure.abs().max(1e-9).log10().floor() as i32).clamp(0, 2) as usize;
    format!("{figure:.decimals$}")
}
