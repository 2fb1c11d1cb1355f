//! One picture an area: panels in two columns, each with a bar a contender, or with a line if it shows a curve.

use std::error::Error;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::curve;
use crate::document::{Area, Figure, Row, show};
use crate::scale::Scale;

pub type Place<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub type Outcome = Result<(), Box<dyn Error>>;

const COLUMNS: usize = 2;
pub const WIDTH: i32 = 540;
pub const MARGIN: i32 = 12;
const HEADER: i32 = 52;
pub const TITLE: i32 = 28;
const ROW: i32 = 18;
pub const AXIS: i32 = 30;
/// Where the bars begin; to the left of it are the names.
const BARS: i32 = 190;
/// What the bars leave free to their right, for the figures.
const FIGURE: i32 = 60;

const OURS: RGBColor = RGBColor(0x1f, 0x77, 0xb4);
const OUR_BACKENDS: RGBColor = RGBColor(0x8c, 0xbb, 0xdc);
const FLOOR: RGBColor = RGBColor(0x6b, 0x72, 0x7b);
pub const PEERS: RGBColor = RGBColor(0xc4, 0xca, 0xd1);
const GOAL: RGBColor = RGBColor(0xd6, 0x27, 0x28);
pub const GRID: RGBColor = RGBColor(0xe6, 0xe8, 0xeb);
const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);

const LEGEND: &str =
    "bar, point: median of the rounds; line in a bar: quartiles; red: the goal of that bar; dashed: floor";

/// Draws what an area measured into an SVG file.
pub fn draw(area: &Area, path: &Path) -> Outcome {
    let panels = panels(area);
    let lines: Vec<_> = panels.chunks(COLUMNS).collect();
    let height_of_line = |panels: &[Panel<'_>]| panels.iter().map(Panel::height).max().unwrap_or(0);
    let total = HEADER + lines.iter().map(|panels| height_of_line(panels)).sum::<i32>() + MARGIN;
    let columns = panels.len().clamp(1, COLUMNS);
    let size = (WIDTH as u32 * columns as u32, total as u32);
    let whole = SVGBackend::new(path, size).into_drawing_area();
    whole.fill(&WHITE)?;
    text(&whole, &area.area, (MARGIN, MARGIN), 20)?;
    text(&whole, LEGEND, (MARGIN, MARGIN + 24), 12)?;
    let (_, mut rest) = whole.split_vertically(HEADER);
    for panels in lines {
        let (mut line, below) = rest.split_vertically(height_of_line(panels));
        for panel in panels {
            let (place, right) = line.split_horizontally(WIDTH);
            panel.draw(&place)?;
            line = right;
        }
        rest = below;
    }
    whole.present()?;
    Ok(())
}

enum Panel<'a> {
    Bars(&'a Row),
    Curve(&'a str, Vec<&'a Row>),
}

/// One for each row, but for the points of a curve.
fn panels(area: &Area) -> Vec<Panel<'_>> {
    let mut panels: Vec<Panel<'_>> = Vec::new();
    for row in &area.rows {
        let Some(curve) = &row.curve else {
            panels.push(Panel::Bars(row));
            continue;
        };
        let known = panels.iter_mut().find_map(|panel| match panel {
            Panel::Curve(name, rows) if name == curve => Some(rows),
            _ => None,
        });
        match known {
            Some(rows) => rows.push(row),
            None => panels.push(Panel::Curve(curve, vec![row])),
        }
    }
    panels
}

impl Panel<'_> {
    fn height(&self) -> i32 {
        match self {
            Panel::Bars(row) => TITLE + ROW * measured(row).count() as i32 + AXIS,
            Panel::Curve(..) => curve::height(),
        }
    }

    fn draw(&self, place: &Place<'_>) -> Outcome {
        match self {
            Panel::Bars(row) => draw_bars(place, row),
            Panel::Curve(name, rows) => curve::draw(place, name, rows),
        }
    }
}

pub fn measured(row: &Row) -> impl Iterator<Item = (&Figure, f64)> {
    row.figures.iter().filter_map(|figure| Some((figure, figure.median?)))
}

fn draw_bars(place: &Place<'_>, row: &Row) -> Outcome {
    let bounds = row.goals.iter().filter_map(|goal| goal.bound);
    let scale = Scale::of(measured(row).map(|(_, median)| median).chain(bounds), BARS, WIDTH - FIGURE);
    let better = if row.more_is_better() { "more is better" } else { "less is better" };
    let kind = if scale.is_logarithmic() { "; logarithmic" } else { "" };
    text(place, &format!("{} ({better}{kind})", row.title()), (MARGIN, 8), 13)?;

    let bottom = TITLE + ROW * measured(row).count() as i32;
    for tick in scale.ticks() {
        let x = scale.place(tick);
        line(place, &[(x, TITLE), (x, bottom)], GRID.stroke_width(1))?;
        text(place, &short(tick), (x - 3, bottom + 4), 10)?;
    }
    for (number, (figure, median)) in measured(row).enumerate() {
        let top = TITLE + ROW * number as i32;
        draw_bar(place, top, figure, median, &scale)?;
        if figure.contender.starts_with("floor") {
            let x = scale.place(median);
            for y in (TITLE..bottom).step_by(6) {
                line(place, &[(x, y), (x, y + 3)], FLOOR.stroke_width(1))?;
            }
        }
        for bound in
            row.goals.iter().filter(|goal| goal.contender == figure.contender).filter_map(|goal| goal.bound)
        {
            let x = scale.place(bound);
            line(place, &[(x, top - 3), (x, top + ROW - 1)], GOAL.stroke_width(3))?;
        }
    }
    Ok(())
}

fn draw_bar(place: &Place<'_>, top: i32, figure: &Figure, median: f64, scale: &Scale) -> Outcome {
    let end = scale.place(median).max(BARS + 1);
    let middle = top + (ROW - 4) / 2;
    text(place, &figure.contender, (MARGIN, top + 1), 12)?;
    place.draw(&Rectangle::new([(BARS, top), (end, top + ROW - 4)], color(&figure.contender).filled()))?;
    if let [Some(low), Some(high)] = figure.quartiles {
        line(place, &[(scale.place(low), middle), (scale.place(high), middle)], INK.stroke_width(1))?;
    }
    text(place, &show(median), (WIDTH - FIGURE + 6, top + 1), 12)
}

pub fn color(contender: &str) -> RGBColor {
    match contender {
        "mcp::event" | "mcp_event" => OURS,
        name if name.starts_with("mcp") => OUR_BACKENDS,
        name if name.starts_with("floor") => FLOOR,
        _ => PEERS,
    }
}

/// A figure on an axis, where space is short.
pub fn short(figure: f64) -> String {
    match figure {
        figure if figure >= 1e6 => format!("{}M", figure / 1e6),
        figure if figure >= 1e3 => format!("{}k", figure / 1e3),
        figure => format!("{}", (figure * 1e6).round() / 1e6),
    }
}

pub fn text(place: &Place<'_>, text: &str, at: (i32, i32), size: u32) -> Outcome {
    place.draw(&Text::new(text.to_owned(), at, ("sans-serif", size).into_font().color(&INK)))?;
    Ok(())
}

pub fn line(place: &Place<'_>, points: &[(i32, i32)], style: ShapeStyle) -> Outcome {
    place.draw(&PathElement::new(points.to_vec(), style))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(curve: &str) -> String {
        format!(
            r#"{{"experiment": "e", "unit": "ns", "curve": {curve}, "size": 1, "operations": 1, "figures": [], "goals": []}}"#
        )
    }

    #[test]
    fn the_points_of_a_curve_share_a_panel() {
        let rows = [r#""arm""#, r#""disarm""#, "null", r#""arm""#].map(row).join(",");
        let area = format!(r#"{{"area": "a", "standard": "s", "quick": true, "rows": [{rows}]}}"#);
        let area = serde_json::from_str(&area).unwrap();
        let points = panels(&area).into_iter().map(|panel| match panel {
            Panel::Bars(_) => ("", 1),
            Panel::Curve("arm", rows) => ("arm", rows.len()),
            Panel::Curve(_, rows) => ("disarm", rows.len()),
        });
        assert_eq!(points.collect::<Vec<_>>(), [("arm", 2), ("disarm", 1), ("", 1)]);
    }
}
