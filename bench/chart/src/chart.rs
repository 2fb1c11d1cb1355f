//! One picture: panels below each other, each with a bar a contender.

use std::error::Error;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::figures::{Bar, Panel};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Outcome = Result<(), Box<dyn Error>>;

const WIDTH: u32 = 840;
const MARGIN: i32 = 12;
const TITLE: i32 = 34;
const ROW: i32 = 20;
/// Where the bars begin; to the left of it are the names.
const BARS: i32 = 230;
/// What a bar leaves free to its right, for its figure.
const FIGURE: i32 = 110;

const OURS: RGBColor = RGBColor(0x1f, 0x77, 0xb4);
const PEERS: RGBColor = RGBColor(0xb0, 0xb7, 0xbf);
const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);

fn height(panel: &Panel) -> i32 {
    TITLE + ROW * panel.bars.len() as i32
}

/// Draws `panels` into an SVG file.
pub fn draw(area: &str, panels: &[Panel], path: &Path) -> Outcome {
    let total = TITLE + panels.iter().map(height).sum::<i32>() + MARGIN;
    let mut rest = SVGBackend::new(path, (WIDTH, total as u32)).into_drawing_area();
    rest.fill(&WHITE)?;
    let heading = ("sans-serif", 20).into_font().color(&INK);
    rest.draw(&Text::new(format!("{area} (shorter is better)"), (MARGIN, MARGIN), heading))?;
    (_, rest) = rest.split_vertically(TITLE);
    for panel in panels {
        let (place, below) = rest.split_vertically(height(panel));
        draw_panel(&place, panel)?;
        rest = below;
    }
    rest.present()?;
    Ok(())
}

fn draw_panel(place: &Area, panel: &Panel) -> Outcome {
    let title = ("sans-serif", 14).into_font().style(FontStyle::Bold).color(&INK);
    place.draw(&Text::new(format!("{}, {}", panel.title, panel.unit), (MARGIN, MARGIN), title))?;
    let longest = panel.bars.iter().map(|bar| bar.median).fold(0.0, f64::max);
    for (row, bar) in panel.bars.iter().enumerate() {
        draw_bar(place, TITLE + ROW * row as i32, bar, longest)?;
    }
    Ok(())
}

fn draw_bar(place: &Area, top: i32, bar: &Bar, longest: f64) -> Outcome {
    let full = f64::from(WIDTH as i32 - BARS - FIGURE);
    let share = if longest > 0.0 { bar.median / longest } else { 0.0 };
    let end = BARS + (full * share).round() as i32;
    let color = if bar.is_ours() { OURS } else { PEERS };
    let text = ("sans-serif", 12).into_font().color(&INK);
    place.draw(&Text::new(bar.contender.clone(), (2 * MARGIN, top + 2), text.clone()))?;
    place.draw(&Rectangle::new([(BARS, top), (end.max(BARS + 1), top + ROW - 5)], color.filled()))?;
    place.draw(&Text::new(figure(bar.median), (end + 6, top + 2), text))?;
    Ok(())
}

/// Three digits that count.
fn figure(value: f64) -> String {
    let decimals = (2 - value.abs().max(1e-9).log10().floor() as i32).clamp(0, 3) as usize;
    format!("{value:.decimals$}")
}
