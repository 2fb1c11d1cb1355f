//! A strict reader of Prometheus' text format, which knows nothing of our writer.
#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::collections::{BTreeMap, HashSet};

pub type Labels = Vec<(String, String)>;

/// What a page says.
#[derive(Default)]
pub struct Parsed {
    pub kinds: BTreeMap<String, String>,
    pub samples: Vec<(String, Labels, f64)>,
}

impl Parsed {
    /// Panics at whatever the format does not allow.
    pub fn new(text: &str) -> Parsed {
        assert!(text.ends_with('\n'));
        let mut parsed = Parsed::default();
        let mut family = None;
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').unwrap();
                assert!(!help.is_empty() && !help.contains('\\'), "{line}");
                let kind = lines.next().unwrap().strip_prefix(&format!("# TYPE {name} ")).unwrap();
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{kind}");
                assert!(parsed.kinds.insert(name.into(), kind.into()).is_none(), "{name} comes twice");
                family = Some(name);
            } else {
                let sample = sample(line);
                let family = family.expect("no sample comes before its family");
                match parsed.kinds[family].as_str() {
                    "counter" => assert!(sample.0 == family && family.ends_with("_total"), "{line}"),
                    "gauge" => assert_eq!(sample.0, family),
                    _ => {
                        let suffix = sample.0.strip_prefix(family).unwrap();
                        assert!(["_bucket", "_sum", "_count"].contains(&suffix), "{line}");
                    }
                }
                parsed.samples.push(sample);
            }
        }
        let series: HashSet<_> = parsed.samples.iter().map(|(name, labels, _)| (name, labels)).collect();
        assert_eq!(series.len(), parsed.samples.len(), "a series comes twice");
        parsed
    }

    #[track_caller]
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let labels: Labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let found = self.samples.iter().find(|sample| sample.0 == name && sample.1 == labels);
        found.unwrap_or_else(|| panic!("no {name} {labels:?}")).2
    }
}

fn name(text: &str) -> &str {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    assert!(
        !text.is_empty() && text.chars().all(word) && !text.starts_with(|c: char| c.is_ascii_digit()),
        "{text}"
    );
    text
}

fn sample(line: &str) -> (String, Labels, f64) {
    let mut labels = Labels::new();
    let (metric, value) = match line.split_once('{') {
        None => line.split_once(' ').unwrap(),
        Some((metric, rest)) => (metric, read_labels(rest, &mut labels).strip_prefix(' ').unwrap()),
    };
    (name(metric).into(), labels, value.parse().unwrap())
}

/// Reads up to the closing brace, and gives the rest.
fn read_labels<'a>(mut rest: &'a str, labels: &mut Labels) -> &'a str {
    loop {
        let (label, quoted) = rest.split_once("=\"").unwrap();
        let mut value = String::new();
        let mut chars = quoted.chars();
        loop {
            match chars.next().expect("the value of a label ends") {
                '"' => break,
                '\\' => value.push(match chars.next() {
                    Some('n') => '\n',
                    Some(c @ ('\\' | '"')) => c,
                    other => panic!("escaped {other:?}"),
                }),
                c => value.push(c),
            }
        }
        labels.push((name(label).into(), value));
        match chars.next() {
            Some(',') => rest = chars.as_str(),
            Some('}') => return chars.as_str(),
            other => panic!("{other:?} after a label"),
        }
    }
}
