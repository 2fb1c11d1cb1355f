//! The list of a server's tools, which comes page by page, and may change while it does.

use serde_json::Value;

/// A list is followed no further than this, lest a server that never comes to an end is heard for ever.
const MOST_TOOLS: usize = 10_000;
const MOST_PAGES: usize = 1_000;

/// What has come of the list so far.
#[derive(Default)]
pub(crate) struct ToolList {
    names: Vec<String>,
    pages: usize,
    /// A page of it is asked for.
    is_asked: bool,
    /// It has changed since its first page was asked for.
    is_stale: bool,
}

/// What is to happen next.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    /// The page of this cursor is to be asked for; without one, the first.
    Ask(Option<String>),
    /// The names are complete.
    Known(Vec<String>),
}

impl ToolList {
    /// The list has changed. True if its first page is to be asked for now: not while another is on its way.
    pub(crate) fn renew(&mut self) -> bool {
        self.is_stale = self.is_asked;
        !std::mem::replace(&mut self.is_asked, true)
    }

    /// Takes the page that was asked for, or null if it could not be had.
    pub(crate) fn take(&mut self, page: &Value) -> Next {
        if self.is_stale {
            *self = ToolList { is_asked: true, ..ToolList::default() };
            return Next::Ask(None);
        }
        let tools = page["tools"].as_array().into_iter().flatten();
        self.names.extend(tools.filter_map(|tool| tool["name"].as_str().map(str::to_owned)));
        self.pages += 1;
        match page["nextCursor"].as_str() {
            Some(cursor) if self.names.len() < MOST_TOOLS && self.pages < MOST_PAGES => {
                Next::Ask(Some(cursor.to_owned()))
            }
            _ => Next::Known(std::mem::take(self).names),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pages_are_put_together() {
        let mut list = ToolList::default();
        assert!(list.renew());
        let first = json!({ "tools": [{ "name": "a" }, { "title": "nameless" }], "nextCursor": "2" });
        assert_eq!(list.take(&first), Next::Ask(Some("2".into())));
        let second = json!({ "tools": [{ "name": "b" }] });
        assert_eq!(list.take(&second), Next::Known(vec!["a".into(), "b".into()]));
        assert!(list.renew());
        assert_eq!(list.take(&Value::Null), Next::Known(vec![]));
    }

    #[test]
    fn a_change_meanwhile_begins_the_list_anew() {
        let mut list = ToolList::default();
        let page = |name: &str| json!({ "tools": [{ "name": name }] });
        assert!(list.renew());
        assert!(!list.renew() && !list.renew());
        assert_eq!(list.take(&page("old")), Next::Ask(None));
        assert_eq!(list.take(&page("new")), Next::Known(vec!["new".into()]));
    }

    #[test]
    fn a_list_without_end_is_cut_off() {
        let mut list = ToolList::default();
        assert!(list.renew());
        let page = json!({ "tools": [], "nextCursor": "again" });
        let asked = (0..).take_while(|_| matches!(list.take(&page), Next::Ask(_))).count();
        assert_eq!(asked, MOST_PAGES - 1);
    }
}
