//! Files that need each other in a circle.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::source::Source;

/// Which files a file names, by their paths.
type Needs<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// No files need each other in a circle, so that each can be read with only those below it in mind.
///
/// A `mod.rs` and the files of its folder may: it puts them together, and has what they share. So circles
/// within a folder do not count as far as they go through its `mod.rs`.
pub fn circles(sources: &[Source]) -> Vec<String> {
    let needs = needs(sources);
    let mut found = Vec::new();
    find(&needs, needs.keys().copied().collect(), &mut found);
    found
}

fn needs(sources: &[Source]) -> Needs<'_> {
    let inner = sources.iter().filter(|source| !source.is_test());
    let files: BTreeMap<Vec<&str>, &str> =
        inner.clone().map(|source| (source.module_path(), source.path.as_str())).collect();
    let others = |source: &Source| {
        let named = source.named_paths().into_iter().filter_map(|path| absolute(source, path));
        named
            .filter_map(|path| file_of(&path, &files))
            .filter(|file| *file != source.path)
            .collect::<BTreeSet<&str>>()
    };
    inner.map(|source| (source.path.as_str(), others(source))).collect()
}

/// A written path from the crate root on; none where only a visibility is written, as in `pub(super)`.
fn absolute(source: &Source, path: Vec<String>) -> Option<Vec<String>> {
    let mut module: Vec<String> = source.module_path().into_iter().map(str::to_owned).collect();
    let (first, rest) = path.split_first().filter(|(_, rest)| !rest.is_empty())?;
    match first.as_str() {
        "crate" | "otp_sidecar" => module.clear(),
        "super" => drop(module.pop()),
        "self" => {}
        child => module.push(child.to_owned()),
    }
    module.extend_from_slice(rest);
    Some(module)
}

fn file_of<'a>(path: &[String], files: &BTreeMap<Vec<&str>, &'a str>) -> Option<&'a str> {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    (1..=names.len()).rev().find_map(|length| files.get(&names[..length])).copied()
}

/// Finds the circles among these files.
fn find<'a>(needs: &Needs<'a>, mut among: BTreeSet<&'a str>, found: &mut Vec<String>) {
    while let Some(file) = among.first().copied() {
        let mut knot: BTreeSet<&str> = reached(needs, &among, file);
        knot.retain(|other| reached(needs, &among, other).contains(file));
        among.remove(file);
        among.retain(|other| !knot.contains(other));
        let parent = format!("{}mod.rs", folder_of(&knot));
        if knot.len() > 1 && knot.remove(parent.as_str()) {
            find(needs, knot, found);
        } else if knot.len() > 1 {
            found.push(way_round(needs, &knot, file));
        }
    }
}

/// What a file needs among these, itself or through others.
fn reached<'a>(needs: &Needs<'a>, among: &BTreeSet<&'a str>, from: &'a str) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(next) = open.pop() {
        open.extend(needs[next].intersection(among).filter(|other| seen.insert(**other)));
    }
    seen
}

/// The innermost folder that all of these files are in.
fn folder_of<'a>(files: &BTreeSet<&'a str>) -> &'a str {
    let (Some(first), Some(last)) = (files.first(), files.last()) else { return "" };
    let same = first.bytes().zip(last.bytes()).take_while(|(a, b)| a == b).count();
    first[..same].rfind('/').map_or("", |slash| &first[..=slash])
}

/// The shortest way from a file through the others back to itself.
fn way_round(needs: &Needs<'_>, knot: &BTreeSet<&str>, file: &str) -> String {
    let mut ways = VecDeque::from([vec![file]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in needs[way[way.len() - 1]].intersection(knot) {
            let longer = [way.as_slice(), &[next]].concat();
            if *next == file {
                return longer.join(" -> ");
            }
            if seen.insert(*next) {
                ways.push_back(longer);
            }
        }
    }
    unreachable!("a file in a knot reaches itself")
}
