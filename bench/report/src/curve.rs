//! A panel with a line a contender: the cost at each size.

use plotters::prelude::*;

use crate::chart::{
    self, AXIS, GRID, MARGIN, Outcome, Place, TITLE, WIDTH, color, line, measured, short, text,
};
use crate::document::Row;
use crate::scale::Scale;

const HEIGHT: i32 = 210;
/// Where the lines begin; to the left of it are the figures of the axis.
const LEFT: i32 = 56;
/// What the lines leave free to their right, for the contenders' names.
const NAMES: i32 = 120;
const NAME: i32 = 14;
/// The width of a size on the axis.
const SIZE: i32 = 24;

/// Told apart by their brightness too.
const PEERS: [RGBColor; 5] = [
    RGBColor(0xd9, 0x6c, 0x06),
    RGBColor(0x7a, 0x9e, 0x3c),
    RGBColor(0x8e, 0x44, 0xad),
    RGBColor(0xb8, 0x8a, 0x3a),
    RGBColor(0x55, 0x2d, 0x20),
];

pub fn height() -> i32 {
    TITLE + HEIGHT + AXIS
}

/// Rows of one curve, by size.
pub fn draw(place: &Place<'_>, curve: &str, rows: &[&Row]) -> Outcome {
    let size = |row: &Row| row.size.unwrap_or(0) as f64;
    let (bottom, right) = (TITLE + HEIGHT, WIDTH - NAMES);
    let sizes = Scale::of(rows.iter().map(|row| size(row)), LEFT, right);
    let costs = Scale::of(
        rows.iter().flat_map(|row| measured(row)).map(|(_, median)| median),
        bottom,
        TITLE + MARGIN,
    );
    let unit = rows.first().map_or("", |row| &row.unit);
    let kind = |scale: &Scale| if scale.is_logarithmic() { "logarithmic" } else { "linear" };
    let title = format!("{curve}, {unit} ({}, sizes {})", kind(&costs), kind(&sizes));
    text(place, &title, (MARGIN, 8), 13)?;
    for tick in costs.ticks() {
        let y = costs.place(tick);
        line(place, &[(LEFT, y), (right, y)], GRID.stroke_width(1))?;
        text(place, &short(tick), (MARGIN, y - 5), 10)?;
    }
    let mut named = i32::MAX;
    for tick in rows.iter().map(|row| size(row)).rev() {
        let x = sizes.place(tick);
        line(place, &[(x, TITLE), (x, bottom)], GRID.stroke_width(1))?;
        if x + SIZE <= named {
            text(place, &short(tick), (x - 6, bottom + 4), 10)?;
            named = x;
        }
    }

    let mut ends = Vec::new();
    for (contender, color) in contenders(rows) {
        let points: Vec<_> = rows
            .iter()
            .filter_map(|row| {
                let (_, median) = measured(row).find(|(figure, _)| figure.contender == contender)?;
                Some((sizes.place(size(row)), costs.place(median)))
            })
            .collect();
        line(place, &points, color.stroke_width(2))?;
        for point in &points {
            place.draw(&Circle::new(*point, 3, color.filled()))?;
        }
        ends.extend(points.last().map(|(_, y)| (*y, contender, color)));
    }
    ends.sort_by_key(|(y, ..)| *y);
    for (y, (_, contender, color)) in apart(ends.iter().map(|(y, ..)| *y), bottom).into_iter().zip(&ends) {
        place.draw(&Text::new(
            contender.to_owned(),
            (right + 8, y - 6),
            ("sans-serif", 12).into_font().color(color),
        ))?;
    }
    Ok(())
}

/// Each with its color, in the order of the run.
fn contenders<'a>(rows: &[&'a Row]) -> Vec<(&'a str, RGBColor)> {
    let mut all: Vec<(&str, RGBColor)> = Vec::new();
    let mut peers = PEERS.iter().cycle();
    for (figure, _) in rows.iter().flat_map(|row| measured(row)) {
        let name = figure.contender.as_str();
        if all.iter().any(|(known, _)| *known == name) {
            continue;
        }
        let color = match color(name) {
            chart::PEERS => *peers.next().expect("it cycles"),
            own => own,
        };
        all.push((name, color));
    }
    all
}

/// Moves places, which are in order, so far down that a name has room at each; and all back up if the last one is now
/// below `bottom`.
fn apart(places: impl Iterator<Item = i32>, bottom: i32) -> Vec<i32> {
    let mut apart: Vec<i32> = Vec::new();
    for place in places {
        apart.push(apart.last().map_or(place, |above| place.max(above + NAME)));
    }
    let mut limit = bottom;
    for place in apart.iter_mut().rev() {
        *place = (*place).min(limit);
        limit = *place - NAME;
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_places_where_there_is_room() {
        assert_eq!(apart([10, 50, 90].into_iter(), 100), [10, 50, 90]);
    }

    #[test]
    fn names_that_would_overlap_move_apart_and_stay_in_the_picture() {
        assert_eq!(apart([10, 12, 90].into_iter(), 100), [10, 24, 90]);
        assert_eq!(apart([96, 97, 98].into_iter(), 100), [72, 86, 100]);
    }
}
