//! Finds routes that can match one request, and routes on one path that treat it differently.
//!
//! Paths are compared as a request's path is: without regard to case and to one trailing slash. A
//! parameter overlaps every segment. Paths without parameters meet in a map, and only the others are
//! kept in a tree, so that this stays linear for ordinary policies.

use std::collections::HashMap;

use crate::policy::diagnostic::{At, Code, Collector};
use crate::policy::document::routes::Route;
use crate::policy::document::tree::Text;

/// One path of one route.
#[derive(Clone, Copy)]
struct Entry {
    route: usize,
    at: At,
}

#[derive(Default)]
struct Tree {
    literal: HashMap<String, Tree>,
    parameter: Option<Box<Tree>>,
    entries: Vec<Entry>,
}

/// Checks all routes against each other.
pub(super) fn check(routes: &[Route], out: &mut Collector<'_>) {
    let mut tree = Tree::default();
    let mut literal: HashMap<String, Vec<Entry>> = HashMap::new();
    let paths = || routes.iter().enumerate().flat_map(|(route, w)| w.paths.iter().map(move |p| (route, p)));
    for (route, path) in paths().filter(|(_, path)| path.text.contains('{')) {
        let entry = Entry { route, at: path.at };
        let folded = fold(&path.text);
        let segments: Vec<&str> = folded.split('/').collect();
        for found in tree.overlapping(&segments) {
            report(routes, found, entry, path, out);
        }
        tree.insert(&segments, entry);
    }
    for (route, path) in paths().filter(|(_, path)| !path.text.contains('{')) {
        let entry = Entry { route, at: path.at };
        let folded = fold(&path.text);
        for found in tree.overlapping(&folded.split('/').collect::<Vec<_>>()) {
            report(routes, found, entry, path, out);
        }
        let alike = literal.entry(folded).or_default();
        for found in alike.iter() {
            report(routes, *found, entry, path, out);
        }
        alike.push(entry);
    }
}

/// A path without its outer slashes, in lower case.
fn fold(path: &str) -> String {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.strip_suffix('/').unwrap_or(path).to_ascii_lowercase()
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{')
}

impl Tree {
    fn insert(&mut self, segments: &[&str], entry: Entry) {
        let mut node = self;
        for segment in segments {
            node = if is_parameter(segment) {
                node.parameter.get_or_insert_default()
            } else {
                node.literal.entry((*segment).to_owned()).or_default()
            };
        }
        node.entries.push(entry);
    }

    fn overlapping(&self, segments: &[&str]) -> Vec<Entry> {
        let mut found = Vec::new();
        self.collect(segments, &mut found);
        found
    }

    fn collect(&self, segments: &[&str], found: &mut Vec<Entry>) {
        let Some((segment, rest)) = segments.split_first() else {
            found.extend(&self.entries);
            return;
        };
        if let Some(parameter) = &self.parameter {
            parameter.collect(rest, found);
        }
        if is_parameter(segment) {
            self.literal.values().for_each(|child| child.collect(rest, found));
        } else if let Some(child) = self.literal.get(*segment) {
            child.collect(rest, found);
        }
    }
}

fn report(routes: &[Route], earlier: Entry, later: Entry, path: &Text, out: &mut Collector<'_>) {
    let (Some(a), Some(b)) = (routes.get(earlier.route), routes.get(later.route)) else { return };
    if earlier.route == later.route {
        // The same spelling twice is reported where the list is read.
        if !b.paths.iter().any(|other| other.at == earlier.at && other.text == path.text) {
            out.report(Code::ListedTwice, later.at, format!("`{}` also matches an earlier path", path.text))
                .also(earlier.at, "the earlier path")
                .advise("keep one of them");
        }
        return;
    }
    let shared = b.methods.iter().find(|method| a.methods.iter().any(|other| other.text == method.text));
    if let Some(method) = shared {
        let message = format!("`{} {}` already belongs to another route", method.text, path.text);
        out.report(Code::Overlap, later.at, message)
            .also(earlier.at, "the other route")
            .advise("let one request match one route: change the path or the methods of one of them");
        return;
    }
    let differ = |x: &Option<Text>, y: &Option<Text>, default: &str| {
        let word = |text: &Option<Text>| text.as_ref().map_or(default.to_owned(), |text| text.text.clone());
        word(x) != word(y)
    };
    if differ(&a.other_methods, &b.other_methods, "refuse") || differ(&a.router, &b.router, "express") {
        let message = format!("two routes on `{}` differ in `router` or `other_methods`", path.text);
        out.report(Code::Disagreement, later.at, message)
            .also(earlier.at, "the other route")
            .advise("write the same `router` and `other_methods` for both");
    }
}
