//! The page of the documentation that shows the figures. Between `<!-- bench: NAME -->` and `<!-- bench: end -->` its
//! text is made here; the rest is written by hand. NAME is `run`, `goals` or an area.

use crate::document::{Area, Document};
use crate::table;

const END: &str = "<!-- bench: end -->";

/// Puts all that was measured into the blocks of `page`.
pub fn update(page: &str, document: &Document) -> Result<String, String> {
    let mut blocks = vec![("run", run(document)), ("goals", goals(document))];
    blocks.extend(document.areas.iter().map(|area| (area.area.as_str(), figures(area))));
    blocks.iter().try_fold(page.to_owned(), |page, (name, text)| replace(&page, name, text))
}

fn replace(page: &str, name: &str, text: &str) -> Result<String, String> {
    let begin = format!("<!-- bench: {name} -->");
    let (before, rest) = page.split_once(&begin).ok_or_else(|| format!("there is no \"{begin}\""))?;
    let (_, after) = rest.split_once(END).ok_or_else(|| format!("no \"{END}\" after \"{begin}\""))?;
    Ok(format!("{before}{begin}\n{text}{END}{after}"))
}

fn run(document: &Document) -> String {
    let run = &document.run;
    let versions: Vec<_> =
        document.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
    let warning = if document.is_quick() { " **A quick run: the figures mean nothing.**" } else { "" };
    format!(
        "Measured on {} at commit {}: {} processors ({}), Linux {}, load before: {}.{warning}\nVersions: {}.\n",
        run.date,
        run.commit,
        run.processors,
        run.processor,
        run.kernel,
        run.load,
        versions.join(", "),
    )
}

fn goals(document: &Document) -> String {
    format!("{}\n{}.\n", table::of_goals(document), table::count_of_goals(document))
}

fn figures(area: &Area) -> String {
    format!("{}\n![{1}: the figures of all contenders](charts/{1}.svg)\n", table::of_figures(area), area.area)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "by hand\n<!-- bench: post -->\nold\n<!-- bench: end -->\nby hand too\n";

    #[test]
    fn only_the_block_changes() {
        let new = replace(PAGE, "post", "new\n").unwrap();
        assert_eq!(new, PAGE.replace("old", "new"));
        assert_eq!(replace(&new, "post", "old\n").unwrap(), PAGE);
    }

    #[test]
    fn a_block_that_is_not_there_is_named() {
        assert_eq!(replace(PAGE, "timers", "").unwrap_err(), "there is no \"<!-- bench: timers -->\"");
        let open = PAGE.replace(END, "");
        assert!(replace(&open, "post", "").unwrap_err().contains("<!-- bench: end -->"));
    }
}
