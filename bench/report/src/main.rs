//! What the benchmarks measured, in every form.
//!
//! `bench_report RESULTS [--json FILE] [--charts DIRECTORY] [--page PAGE]` reads the files that `bench/run.sh` left in
//! the directory RESULTS and prints every goal with its verdict. It writes all that was measured into FILE, a chart of
//! each area into DIRECTORY, and the tables into PAGE, which shows the charts as `charts/AREA.svg`.

mod chart;
mod curve;
mod document;
mod page;
mod scale;
mod table;
mod versions;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::exit;
use std::{env, fs};

use document::Document;

#[derive(Default)]
struct Options {
    results: PathBuf,
    json: Option<PathBuf>,
    charts: Option<PathBuf>,
    page: Option<PathBuf>,
}

fn main() {
    let Some(options) = options() else {
        eprintln!("usage: bench_report RESULTS [--json FILE] [--charts DIRECTORY] [--page PAGE]");
        exit(2);
    };
    if let Err(error) = report(&options) {
        eprintln!("bench_report: {error}");
        exit(1);
    }
}

fn options() -> Option<Options> {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let mut options = Options { results: arguments.next()?, ..Options::default() };
    while let Some(option) = arguments.next() {
        let place = match option.to_str() {
            Some("--json") => &mut options.json,
            Some("--charts") => &mut options.charts,
            Some("--page") => &mut options.page,
            _ => return None,
        };
        *place = Some(arguments.next()?);
    }
    Some(options)
}

fn report(options: &Options) -> Result<(), Box<dyn Error>> {
    let document = Document::read(&options.results)?;
    println!("## Goals\n\n{}\n{}", table::of_goals(&document), table::count_of_goals(&document));
    if let Some(path) = &options.json {
        write(path, &(serde_json::to_string_pretty(&document)? + "\n"))?;
    }
    if let Some(directory) = &options.charts {
        fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        for area in &document.areas {
            let path = directory.join(&area.area).with_extension("svg");
            chart::draw(area, &path).map_err(|error| format!("{}: {error}", path.display()))?;
        }
    }
    if let Some(path) = &options.page {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let text = page::update(&text, &document).map_err(|error| format!("{}: {error}", path.display()))?;
        write(path, &text)?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
