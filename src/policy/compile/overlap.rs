//! Finds routes that can match one request, and routes on one path that treat it differently.
//!
//! Paths are compared as a request's path is: without regard to case and to one trailing slash. A
//! parameter overlaps every segment. A tree of segments keeps this linear for ordinary policies.

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
    for (route, written) in routes.iter().enumerate() {
        for path in &written.paths {
            let segments = segments(&path.text);
            let mut earlier = Vec::new();
            tree.overlapping(&segments, &mut earlier);
            for found in earlier {
                report(routes, found, Entry { route, at: path.at }, path, out);
            }
            tree.insert(&segments, Entry { route, at: path.at });
        }
    }
}

fn segments(path: &str) -> Vec<String> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    path.split('/').map(str::to_ascii_lowercase).collect()
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{')
}

impl Tree {
    fn insert(&mut self, segments: &[String], entry: Entry) {
        let mut node = self;
        for segment in segments {
            node = if is_parameter(segment) {
                node.parameter.get_or_insert_default()
            } else {
                node.literal.entry(segment.clone()).or_default()
            };
        }
        node.entries.push(entry);
    }

    fn overlapping(&self, segments: &[String], found: &mut Vec<Entry>) {
        let Some((segment, rest)) = segments.split_first() else {
            found.extend(&self.entries);
            return;
        };
        if let Some(parameter) = &self.parameter {
            parameter.overlapping(rest, found);
        }
        if is_parameter(segment) {
            self.literal.values().for_each(|child| child.overlapping(rest, found));
        } else if let Some(child) = self.literal.get(segment) {
            child.overlapping(rest, found);
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
