//! Which known word somebody meant who wrote another.

/// The candidate most like `word`, if one is like it: other case or separators, or a few wrong letters.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = letters(word);
    let near = |candidate: &'a str| {
        let other = letters(candidate);
        let most = (word.len().max(other.len()) / 4).max(1);
        // So long a difference in length is a distance already; it also keeps a giant key from costing much.
        let distance = (word.len().abs_diff(other.len()) <= most).then(|| distance(&word, &other))?;
        (distance <= most && distance < other.len()).then_some((distance, candidate))
    };
    candidates
        .into_iter()
        .filter_map(near)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn letters(word: &str) -> Vec<char> {
    word.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

/// The Levenshtein distance: insertions, deletions and substitutions from one to the other.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, letter) in from.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, other) in to.iter().enumerate() {
            let substituted = diagonal + usize::from(letter != other);
            diagonal = row[column + 1];
            row[column + 1] = substituted.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = ["command", "args", "env", "healthIntervalMs"];

    #[test]
    fn near_misses_are_recognised() {
        for (written, meant) in [
            ("comand", "command"),
            ("Command", "command"),
            ("arg", "args"),
            ("health_interval_ms", "healthIntervalMs"),
            ("healthInterval", "healthIntervalMs"),
        ] {
            assert_eq!(nearest(written, KNOWN), Some(meant), "{written}");
        }
    }

    #[test]
    fn what_is_like_nothing_stays_alone() {
        for written in ["description", "", "_", "x", "commandcommand"] {
            assert_eq!(nearest(written, KNOWN), None, "{written}");
        }
    }

    #[test]
    fn distances() {
        let distance = |from: &str, to: &str| super::distance(&letters(from), &letters(to));
        assert_eq!((distance("kitten", "sitting"), distance("", "abc"), distance("abc", "abc")), (3, 3, 0));
    }
}
