//! What a benchmark wrote: a figure for each contender of each metric of each experiment.

use std::error::Error;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// One metric, with the medians of those that were measured, in the order of the run.
pub struct Panel {
    pub title: String,
    pub unit: String,
    pub bars: Vec<Bar>,
}

pub struct Bar {
    pub contender: String,
    pub median: f64,
}

impl Bar {
    /// Whether it is this library's.
    pub fn is_ours(&self) -> bool {
        self.contender.starts_with("mcp")
    }
}

/// Reads a file of figures. One that was not measured has no bar.
pub fn read(path: &Path) -> Result<Vec<Panel>, Box<dyn Error>> {
    let figures: Vec<Value> = serde_json::from_str(&fs::read_to_string(path)?)?;
    let mut panels: Vec<Panel> = Vec::new();
    for figure in &figures {
        let text = |key: &str| figure[key].as_str().ok_or_else(|| format!("a figure without \"{key}\""));
        let title = format!("{}: {}", text("experiment")?, text("metric")?);
        let Some(median) = figure["median"].as_f64() else { continue };
        let bar = Bar { contender: text("contender")?.to_owned(), median };
        match panels.iter_mut().find(|panel| panel.title == title) {
            Some(panel) => panel.bars.push(bar),
            None => panels.push(Panel { title, unit: text("unit")?.to_owned(), bars: vec![bar] }),
        }
    }
    Ok(panels)
}
