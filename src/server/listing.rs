//! The lists of what a server offers, which come page by page, and may change while they do.

use serde_json::Value;

/// What a server may offer a list of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Catalog {
    Tools,
    Resources,
    Prompts,
}

impl Catalog {
    pub(crate) const ALL: [Catalog; 3] = [Catalog::Tools, Catalog::Resources, Catalog::Prompts];

    /// The capability, and the key of a page.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Catalog::Tools => "tools",
            Catalog::Resources => "resources",
            Catalog::Prompts => "prompts",
        }
    }

    pub(crate) fn list_method(self) -> &'static str {
        match self {
            Catalog::Tools => "tools/list",
            Catalog::Resources => "resources/list",
            Catalog::Prompts => "prompts/list",
        }
    }

    /// The one that this notification says has changed.
    pub(crate) fn changed_by(notification: &str) -> Option<Catalog> {
        let key = notification.strip_prefix("notifications/")?.strip_suffix("/list_changed")?;
        Catalog::ALL.into_iter().find(|catalog| catalog.key() == key)
    }

    /// What names one thing of it.
    fn name_key(self) -> &'static str {
        match self {
            Catalog::Resources => "uri",
            Catalog::Tools | Catalog::Prompts => "name",
        }
    }
}

/// A list is followed no further than this, lest a server that never comes to an end is heard for ever.
const MOST_NAMES: usize = 10_000;
const MOST_PAGES: usize = 1_000;

/// What has come of a list so far.
pub(crate) struct Listing {
    catalog: Catalog,
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

impl Listing {
    pub(crate) fn new(catalog: Catalog) -> Listing {
        Listing { catalog, names: Vec::new(), pages: 0, is_asked: false, is_stale: false }
    }

    /// The list has changed. True if its first page is to be asked for now: not while another is on its way.
    pub(crate) fn renew(&mut self) -> bool {
        self.is_stale = self.is_asked;
        !std::mem::replace(&mut self.is_asked, true)
    }

    /// Takes the page that was asked for, or null if it could not be had.
    pub(crate) fn take(&mut self, page: &Value) -> Next {
        if self.is_stale {
            *self = Listing { is_asked: true, ..Listing::new(self.catalog) };
            return Next::Ask(None);
        }
        let things = page[self.catalog.key()].as_array().into_iter().flatten();
        let name = |thing: &Value| thing[self.catalog.name_key()].as_str().map(str::to_owned);
        self.names.extend(things.filter_map(name));
        self.pages += 1;
        match page["nextCursor"].as_str() {
            Some(cursor) if self.names.len() < MOST_NAMES && self.pages < MOST_PAGES => {
                Next::Ask(Some(cursor.to_owned()))
            }
            _ => Next::Known(std::mem::replace(self, Listing::new(self.catalog)).names),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pages_are_put_together() {
        let mut list = Listing::new(Catalog::Tools);
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
        let mut list = Listing::new(Catalog::Tools);
        let page = |name: &str| json!({ "tools": [{ "name": name }] });
        assert!(list.renew());
        assert!(!list.renew() && !list.renew());
        assert_eq!(list.take(&page("old")), Next::Ask(None));
        assert_eq!(list.take(&page("new")), Next::Known(vec!["new".into()]));
    }

    #[test]
    fn a_list_without_end_is_cut_off() {
        let mut list = Listing::new(Catalog::Tools);
        assert!(list.renew());
        let page = json!({ "tools": [], "nextCursor": "again" });
        let asked = (0..).take_while(|_| matches!(list.take(&page), Next::Ask(_))).count();
        assert_eq!(asked, MOST_PAGES - 1);
    }

    #[test]
    fn resources_are_named_by_their_uri() {
        let mut list = Listing::new(Catalog::Resources);
        let page = json!({ "resources": [{ "uri": "file:///a", "name": "a" }] });
        assert_eq!(list.take(&page), Next::Known(vec!["file:///a".into()]));
        assert_eq!(Catalog::changed_by("notifications/prompts/list_changed"), Some(Catalog::Prompts));
        assert_eq!(Catalog::changed_by("notifications/roots/list_changed"), None);
    }
}
