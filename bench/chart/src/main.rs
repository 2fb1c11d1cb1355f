//! Draws a chart of each area that was measured: one panel a metric, one bar a contender.
//!
//! `bench_chart RESULTS CHARTS`: reads the JSON files in RESULTS that the benchmarks wrote with `--json`, and writes an
//! SVG file for each into CHARTS.

mod chart;
mod figures;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::exit;
use std::{env, fs};

fn main() {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [results, charts] = &arguments[..] else {
        eprintln!("usage: bench_chart RESULTS CHARTS");
        exit(2);
    };
    if let Err(error) = draw_all(results, charts) {
        eprintln!("bench_chart: {error}");
        exit(1);
    }
}

fn draw_all(results: &Path, charts: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(charts)?;
    let mut files: Vec<PathBuf> = fs::read_dir(results)?
        .map(|entry| Ok(entry?.path()))
        .filter(|path: &Result<PathBuf, std::io::Error>| {
            path.as_ref().map_or(true, |path| path.extension().is_some_and(|extension| extension == "json"))
        })
        .collect::<Result<_, _>>()?;
    files.sort();
    for file in files {
        let panels = figures::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let name = file.file_stem().unwrap_or_default();
        let chart = charts.join(name).with_extension("svg");
        chart::draw(&name.to_string_lossy(), &panels, &chart)?;
        println!("{}", chart.display());
    }
    Ok(())
}
