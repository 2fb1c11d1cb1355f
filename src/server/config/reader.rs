//! Reading a configuration: what all its parts share.

use super::Warning;
use super::expand::{ExpandError, Lookup, expand};
use crate::server::document::{Fault, FaultKind, Item, Object};

/// Where variables come from, and where warnings go.
pub(super) struct Reader<'a> {
    pub(super) lookup: Lookup<'a>,
    pub(super) warnings: Vec<Warning>,
}

impl Reader<'_> {
    /// A string with its variables replaced, fit to be given to the system.
    pub(super) fn expanded(&self, item: &Item<'_>) -> Result<String, Fault> {
        let text = expand(item.string()?, self.lookup).map_err(|error| match error {
            ExpandError::Unknown(name) => item.fault(
                FaultKind::UnknownVariable,
                format!("the variable {name} is not set; ${{{name}:-...}} would give it a default"),
            ),
            ExpandError::Malformed => {
                item.refuse("\"${\" begins no variable ${NAME} or ${NAME:-default}; write \"$${\" for \"${\"")
            }
        })?;
        if text.contains('\0') {
            return Err(item.refuse("a NUL character cannot be passed to a program"));
        }
        Ok(text)
    }

    /// As `expanded`, and there must be something left.
    pub(super) fn expanded_text(&self, item: &Item<'_>) -> Result<String, Fault> {
        let text = self.expanded(item)?;
        if text.is_empty() { Err(item.refuse("must not be empty")) } else { Ok(text) }
    }

    /// Warns of the members of `object` that nobody has read.
    pub(super) fn finish(&mut self, object: &Object<'_>) {
        self.warnings.extend(object.unknown().map(|(path, meant)| {
            let hint = meant.map(|key| format!("; did you mean \"{key}\"?")).unwrap_or_default();
            Warning { path: path.to_string(), message: format!("unknown key, ignored{hint}") }
        }));
    }
}
