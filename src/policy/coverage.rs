//! What a new set would leave open that the old one protected.
//!
//! An unmounted folder or a slip of the hand must never open the wallet, so a reload asks this
//! before it replaces a set.

use std::collections::HashMap;

use http::Method;

use super::snapshot::{Action, OtherMethods, PolicySnapshot, Route};

/// The `METHOD /path` pairs that `old` protects and `new` neither protects nor lists under
/// `unprotect:`, in the order of `old`. Paths are folded.
///
/// A path counts as protected only as well as before: where `old` asked for a code, `new` must not
/// let a request through to the upstream without one.
pub fn protects(old: &PolicySnapshot, new: &PolicySnapshot) -> Vec<String> {
    let mut tree = Tree::default();
    for route in &new.routes {
        route.paths.iter().for_each(|path| tree.insert(&segments(path), Some(route)));
    }
    new.unprotected.iter().for_each(|path| tree.insert(&segments(path), None));
    let mut open = Vec::new();
    for route in &old.routes {
        for path in &route.paths {
            let segments = segments(path);
            for method in &route.methods {
                if !tree.covers(&segments, route, method) {
                    open.push(format!("{method} /{}", segments.join("/")));
                }
            }
        }
    }
    open
}

/// Which listed `unprotect` paths are still those of a route.
pub fn still_protected(snapshot: &PolicySnapshot) -> Vec<&str> {
    let routes = snapshot.routes.iter().flat_map(|route| route.paths.iter());
    let protected: std::collections::HashSet<Vec<String>> = routes.map(|path| segments(path)).collect();
    let listed = snapshot.unprotected.iter();
    listed.filter(|path| protected.contains(&segments(path))).map(String::as_str).collect()
}

/// Routes, or `None` for a path given up on purpose, by segment.
#[derive(Default)]
struct Tree<'a> {
    children: HashMap<String, Tree<'a>>,
    entries: Vec<Option<&'a Route>>,
}

impl<'a> Tree<'a> {
    fn insert(&mut self, segments: &[String], entry: Option<&'a Route>) {
        let mut node = self;
        for segment in segments {
            node = node.children.entry(segment.clone()).or_default();
        }
        node.entries.push(entry);
    }

    /// Whether every request on this path with this method is covered. A parameter of the new set
    /// covers a segment of the old one, but not the other way round.
    fn covers(&self, segments: &[String], old: &Route, method: &Method) -> bool {
        let Some((segment, rest)) = segments.split_first() else {
            let mut routes = self.entries.iter().flatten();
            let given_up = self.entries.iter().any(Option::is_none);
            return given_up || routes.any(|new| holds(old, new, method));
        };
        let child = |name: &str| self.children.get(name).is_some_and(|c| c.covers(rest, old, method));
        child(segment) || (segment != PARAMETER && child(PARAMETER))
    }
}

fn holds(old: &Route, new: &Route, method: &Method) -> bool {
    !loosens(old, new, method) && (new.methods.contains(method) || new.other_methods == OtherMethods::Refuse)
}

fn loosens(old: &Route, new: &Route, method: &Method) -> bool {
    let asked_for_code = matches!(old.action, Action::Verify(_));
    let lets_through = matches!(new.action, Action::Issue(_) | Action::Limit);
    let refused_others = old.other_methods == OtherMethods::Refuse;
    let forwards_others = new.other_methods == OtherMethods::Forward;
    (asked_for_code && lets_through && new.methods.contains(method)) || (refused_others && forwards_others)
}

const PARAMETER: &str = "{}";

fn segments(path: &str) -> Vec<String> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    let fold = |s: &str| if s.starts_with('{') { PARAMETER.to_owned() } else { s.to_ascii_lowercase() };
    path.split('/').map(fold).collect()
}
