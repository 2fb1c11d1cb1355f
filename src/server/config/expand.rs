//! `${VARIABLE}` in the strings of a configuration.
//!
//! `${NAME}` is the variable's value; `${NAME:-default}` is the text after `:-`, up to the next `}`, if the
//! variable is not set or empty; `$$` is a `$`. Any other `$` that is not followed by `{` is itself. What has
//! been inserted is not looked at again.

/// Where variables come from: the value of the one of that name, or `None` if it is not set.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Why a string cannot be expanded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ExpandError {
    /// The variable is not set, and there is no default.
    Unknown(String),
    /// What follows a `${` is no variable.
    Malformed,
}

pub(crate) fn expand(text: &str, lookup: Lookup<'_>) -> Result<String, ExpandError> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        expanded.push_str(&rest[..dollar]);
        rest = &rest[dollar + 1..];
        if let Some(inner) = rest.strip_prefix('{') {
            let (inner, after) = inner.split_once('}').ok_or(ExpandError::Malformed)?;
            expanded.push_str(&variable(inner, lookup)?);
            rest = after;
        } else {
            expanded.push('$');
            rest = rest.strip_prefix('$').unwrap_or(rest);
        }
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// The value of what stands between the braces.
fn variable(inner: &str, lookup: Lookup<'_>) -> Result<String, ExpandError> {
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(word) || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(ExpandError::Malformed);
    }
    match (lookup(name), default) {
        (Some(value), None) => Ok(value),
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(ExpandError::Unknown(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(text: &str) -> Result<String, ExpandError> {
        expand(text, &|name| match name {
            "HOME" => Some("/home/ada".into()),
            "EMPTY" => Some(String::new()),
            "TRICKY" => Some("${HOME}$$".into()),
            _ => None,
        })
    }

    #[test]
    fn variables_defaults_and_dollars() {
        for (text, result) in [
            ("plain", "plain"),
            ("${HOME}/bin:${HOME}", "/home/ada/bin:/home/ada"),
            ("${NONE:-x y}", "x y"),
            ("${NONE:-}", ""),
            ("${HOME:-x}", "/home/ada"),
            ("${EMPTY}|${EMPTY:-x}", "|x"),
            ("${NONE:-a:-b}", "a:-b"),
            ("$$HOME $${HOME} $HOME $ $", "$HOME ${HOME} $HOME $ $"),
            ("$$$$", "$$"),
            ("$$${HOME}", "$/home/ada"),
            ("${TRICKY}", "${HOME}$$"),
            ("é${HOME}é", "é/home/adaé"),
        ] {
            assert_eq!(expanded(text).as_deref(), Ok(result), "{text}");
        }
    }

    #[test]
    fn unknown_variables_are_named() {
        assert_eq!(expanded("a${NONE}b"), Err(ExpandError::Unknown("NONE".into())));
    }

    #[test]
    fn what_is_no_variable_is_an_error() {
        for text in ["${", "${HOME", "${}", "${1A}", "${input:token}", "${A-B}", "${:-x}", "${ HOME }"] {
            assert_eq!(expanded(text), Err(ExpandError::Malformed), "{text}");
        }
    }
}
