//! Prometheus' text exposition format, version 0.0.4.

use std::fmt::{self, Display, Write};

use crate::dispatcher::LatencyHistogram;
use crate::error::Error;

/// A label of a sample: its name and its value.
pub type Label<'a> = (&'a str, &'a dyn Display);

/// A page of figures in Prometheus' text format, to which several may write: the samples of one family stand
/// together, in whatever order they came.
///
/// ```
/// use mcp_event::metrics::Exposition;
///
/// let mut page = Exposition::new();
/// page.counter("jobs_total", "Jobs done.", &[("queue", &"mail")], 3.0)?;
/// assert_eq!(
///     page.to_string(),
///     "# HELP jobs_total Jobs done.\n# TYPE jobs_total counter\njobs_total{queue=\"mail\"} 3\n"
/// );
/// # Ok::<(), mcp_event::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Exposition {
    families: Vec<Family>,
    appended: String,
}

#[derive(Debug, Clone)]
struct Family {
    name: String,
    kind: Kind,
    help: String,
    samples: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        })
    }
}

impl Exposition {
    /// The content type that a page is to be served with.
    pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

    /// An empty page.
    pub fn new() -> Exposition {
        Exposition::default()
    }

    /// Adds a sample of a counter. By convention its name ends with `_total`.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a name that the format does not allow, of the family or a label, a label
    /// that comes twice, and a family that is of another type already.
    pub fn counter(&mut self, name: &str, help: &str, labels: &[Label<'_>], value: f64) -> Result<(), Error> {
        self.check(Kind::Counter, name, labels)?;
        self.put(Kind::Counter, name, help, labels, value);
        Ok(())
    }

    /// Adds a sample of a gauge.
    ///
    /// # Errors
    /// As for [`counter`](Exposition::counter).
    pub fn gauge(&mut self, name: &str, help: &str, labels: &[Label<'_>], value: f64) -> Result<(), Error> {
        self.check(Kind::Gauge, name, labels)?;
        self.put(Kind::Gauge, name, help, labels, value);
        Ok(())
    }

    /// Adds a histogram, in seconds.
    ///
    /// # Errors
    /// As for [`counter`](Exposition::counter).
    pub fn histogram(
        &mut self,
        name: &str,
        help: &str,
        labels: &[Label<'_>],
        histogram: &LatencyHistogram,
    ) -> Result<(), Error> {
        self.check(Kind::Histogram, name, labels)?;
        self.put_histogram(name, help, labels, histogram);
        Ok(())
    }

    /// Adds what is in the format already, as another library renders it. It comes at the end, as it is: see to it
    /// that no family is in both.
    pub fn append(&mut self, text: &str) {
        self.appended.push_str(text);
        if !text.is_empty() && !text.ends_with('\n') {
            self.appended.push('\n');
        }
    }

    fn check(&self, kind: Kind, name: &str, labels: &[Label<'_>]) -> Result<(), Error> {
        let refuse = |text: String| Err(Error::InvalidArgument(text));
        if !is_name(name, true) {
            return refuse(format!("{name:?} is no name of a metric: it takes letters, digits, '_' and ':'"));
        }
        for (index, (label, _)) in labels.iter().enumerate() {
            if !is_name(label, false) || label.starts_with("__") {
                return refuse(format!("{label:?} is no name of a label: it takes letters, digits and '_'"));
            }
            let is_reserved = kind == Kind::Histogram && *label == "le";
            if is_reserved || labels[..index].iter().any(|(other, _)| other == label) {
                return refuse(format!("the label {label:?} of {name} comes twice"));
            }
        }
        match self.families.iter().find(|family| family.name == name) {
            Some(family) if family.kind != kind => {
                refuse(format!("{name} is a {kind} here, and a {} elsewhere", family.kind))
            }
            _ => Ok(()),
        }
    }

    /// Adds a sample whose names are known to be good.
    pub(crate) fn put(&mut self, kind: Kind, name: &str, help: &str, labels: &[Label<'_>], value: f64) {
        self.family(kind, name, help).sample("", labels, value);
    }

    /// As [`put`](Exposition::put), for a histogram.
    pub(crate) fn put_histogram(
        &mut self,
        name: &str,
        help: &str,
        labels: &[Label<'_>],
        histogram: &LatencyHistogram,
    ) {
        let family = self.family(Kind::Histogram, name, help);
        let LatencyHistogram { summary, buckets } = histogram;
        for (bound, count) in buckets {
            let bound = bound.as_secs_f64();
            family.sample("_bucket", &[labels, &[("le", &bound)]].concat(), *count as f64);
        }
        family.sample("_bucket", &[labels, &[("le", &"+Inf")]].concat(), summary.count as f64);
        family.sample("_sum", labels, summary.sum.as_secs_f64());
        family.sample("_count", labels, summary.count as f64);
    }

    fn family(&mut self, kind: Kind, name: &str, help: &str) -> &mut Family {
        let known = self.families.iter().position(|family| family.name == name);
        let index = known.unwrap_or_else(|| {
            self.families.push(Family {
                name: name.to_owned(),
                kind,
                help: help.replace('\\', r"\\").replace('\n', r"\n"),
                samples: String::new(),
            });
            self.families.len() - 1
        });
        &mut self.families[index]
    }
}

impl Display for Exposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Family { name, kind, help, samples } in &self.families {
            write!(f, "# HELP {name} {help}\n# TYPE {name} {kind}\n{samples}")?;
        }
        f.write_str(&self.appended)
    }
}

impl Family {
    fn sample(&mut self, suffix: &str, labels: &[Label<'_>], value: f64) {
        let text = &mut self.samples;
        text.push_str(&self.name);
        text.push_str(suffix);
        for (index, (label, value)) in labels.iter().enumerate() {
            text.push(if index == 0 { '{' } else { ',' });
            text.push_str(label);
            text.push_str("=\"");
            // A value that fails to show itself is cut off there.
            let _ = write!(Escaped(text), "{value}");
            text.push('"');
        }
        if !labels.is_empty() {
            text.push('}');
        }
        // Writing to a string does not fail.
        let _ = match value {
            f64::INFINITY => writeln!(text, " +Inf"),
            f64::NEG_INFINITY => writeln!(text, " -Inf"),
            _ => writeln!(text, " {value}"),
        };
    }
}

/// Writes the value of a label.
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '\\' => self.0.push_str(r"\\"),
                '"' => self.0.push_str("\\\""),
                '\n' => self.0.push_str(r"\n"),
                _ => self.0.push(c),
            }
        }
        Ok(())
    }
}

fn is_name(text: &str, may_have_colon: bool) -> bool {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_' || may_have_colon && c == ':';
    text.starts_with(is_letter) && text.chars().all(|c| is_letter(c) || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(result: Result<(), Error>) -> String {
        match result {
            Err(Error::InvalidArgument(text)) => text,
            other => panic!("{other:?} is no refusal"),
        }
    }

    #[test]
    fn the_samples_of_a_family_stand_together() {
        let mut page = Exposition::new();
        page.gauge("a", "A.", &[("x", &1)], 1.5).unwrap();
        page.counter("b_total", "B.", &[], 2.0).unwrap();
        page.gauge("a", "Another help.", &[("x", &2)], f64::NEG_INFINITY).unwrap();
        page.append("c 1");
        page.append("");
        assert_eq!(
            page.to_string(),
            "# HELP a A.\n# TYPE a gauge\na{x=\"1\"} 1.5\na{x=\"2\"} -Inf\n\
             # HELP b_total B.\n# TYPE b_total counter\nb_total 2\nc 1\n"
        );
    }

    #[test]
    fn values_of_labels_and_helps_are_escaped() {
        let mut page = Exposition::new();
        page.gauge("a", "One\\two\nthree \"four\".", &[("x", &"\"\\\n")], f64::NAN).unwrap();
        assert_eq!(
            page.to_string(),
            "# HELP a One\\\\two\\nthree \"four\".\n# TYPE a gauge\na{x=\"\\\"\\\\\\n\"} NaN\n"
        );
    }

    #[test]
    fn names_that_the_format_does_not_know_are_refused() {
        let mut page = Exposition::new();
        for name in ["", "1a", "a b", "ä", "a-b"] {
            assert!(refused(page.counter(name, "Help.", &[], 0.0)).contains("name of a metric"), "{name}");
        }
        for label in ["", "1a", "a:b", "__name__"] {
            let labels: [Label<'_>; 1] = [(label, &1)];
            assert!(refused(page.gauge("a", "Help.", &labels, 0.0)).contains("name of a label"), "{label}");
        }
        page.counter("a:b_1", "Help.", &[("_x1", &1)], 0.0).unwrap();
    }

    #[test]
    fn what_could_not_be_told_apart_is_refused() {
        let mut page = Exposition::new();
        page.counter("a", "Help.", &[], 0.0).unwrap();
        assert!(
            refused(page.gauge("a", "Help.", &[], 0.0)).contains("a gauge here, and a counter elsewhere")
        );
        assert!(refused(page.counter("a", "Help.", &[("x", &1), ("x", &2)], 0.0)).contains("twice"));
        let histogram = LatencyHistogram::default();
        assert!(refused(page.histogram("h", "Help.", &[("le", &1)], &histogram)).contains("twice"));
        page.histogram("h", "Help.", &[], &histogram).unwrap();
    }
}
