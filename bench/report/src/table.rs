//! Tables that read well as text and as Markdown.

use std::fmt;

use crate::document::{Area, Document, Figure, Goal, show};

/// Rows of equally many cells; the first is the heading.
pub struct Table(Vec<Vec<String>>);

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |column: usize| self.0.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<_> = (0..self.0[0].len()).map(width).collect();
        for (number, row) in self.0.iter().enumerate() {
            for (cell, width) in row.iter().zip(&widths) {
                write!(out, "| {cell:<width$} ")?;
            }
            writeln!(out, "|")?;
            if number == 0 {
                widths.iter().try_for_each(|width| write!(out, "|{}", "-".repeat(width + 2)))?;
                writeln!(out, "|")?;
            }
        }
        Ok(())
    }
}

/// Every goal on a line, with what became of it.
pub fn of_goals(document: &Document) -> Table {
    let heading = ["area", "row", "whose", "figure", "compared with", "ratio", "goal", "verdict"];
    let mut rows = vec![heading.map(String::from).to_vec()];
    for area in &document.areas {
        for row in &area.rows {
            rows.extend(row.goals.iter().map(|goal| {
                vec![
                    area.area.clone(),
                    row.title(),
                    goal.contender.clone(),
                    number(goal.figure),
                    compared_with(goal),
                    number(goal.ratio),
                    goal.goal.clone(),
                    goal.verdict(),
                ]
            }));
        }
    }
    Table(rows)
}

fn compared_with(goal: &Goal) -> String {
    goal.against
        .as_ref()
        .map_or(String::new(), |against| format!("{against}: {}", number(goal.against_figure)))
}

pub fn count_of_goals(document: &Document) -> String {
    let goals = || document.areas.iter().flat_map(|area| &area.rows).flat_map(|row| &row.goals);
    let warning = if document.is_quick() { " (--quick: the figures mean nothing)" } else { "" };
    format!("{} of {} goals met{warning}", goals().filter(|goal| goal.met).count(), goals().count())
}

/// The figures of all contenders, each with its ratio to the standard's.
pub fn of_figures(area: &Area) -> Table {
    let contenders = area.contenders();
    let mut rows = vec![vec![area.area.clone()]];
    rows[0].extend(contenders.iter().map(|contender| contender.to_string()));
    for row in &area.rows {
        let mut cells = vec![row.title()];
        cells.extend(contenders.iter().map(|contender| {
            let figure = row.figures.iter().find(|figure| figure.contender == *contender);
            figure.map_or("-".into(), |figure| cell(figure, &area.standard))
        }));
        rows.push(cells);
    }
    Table(rows)
}

fn cell(figure: &Figure, standard: &str) -> String {
    match figure.ratio {
        Some(ratio) if figure.contender != standard => {
            format!("{} ({}x)", number(figure.median), show(ratio))
        }
        _ => number(figure.median),
    }
}

fn number(figure: Option<f64>) -> String {
    figure.map_or("-".into(), show)
}
