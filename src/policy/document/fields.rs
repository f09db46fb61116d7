//! Takes a mapping apart, field by field, and reports what does not belong.

use std::collections::BTreeMap;

use super::tree::{Kind, Node, Text};
use crate::policy::diagnostic::{At, Code, Collector};
use crate::policy::nearest::suggestion;

/// The fields of one mapping.
#[derive(Debug)]
pub struct Fields {
    /// What the mapping is, with an article, for messages.
    what: &'static str,
    /// Its place.
    pub at: At,
    /// Few enough to look through. What was taken is null.
    fields: Vec<(&'static str, At, Node)>,
}

impl Fields {
    /// Opens a mapping that may have the `known` fields. Unknown and repeated ones are reported.
    /// `None` when it is no mapping.
    pub fn open(
        node: Node,
        what: &'static str,
        known: &'static [&'static str],
        out: &mut Collector<'_>,
    ) -> Option<Self> {
        let at = node.at;
        let entries = entries(node, what, out)?;
        let mut opened = Self { what, at, fields: Vec::with_capacity(entries.len().min(known.len())) };
        for (key, value) in entries {
            let Some(name) = known.iter().find(|name| **name == key.text) else {
                out.report(Code::UnknownField, key.at, format!("{what} has no field `{}`", key.text))
                    .advise(suggestion(&key.text, known.iter().copied()));
                continue;
            };
            if let Some((_, first, _)) = opened.fields.iter().find(|(taken, _, _)| taken == name) {
                out.report(Code::RepeatedKey, key.at, format!("`{name}` is written twice"))
                    .also(*first, "the first one")
                    .advise("keep one of them");
                continue;
            }
            opened.fields.push((name, key.at, value));
        }
        Some(opened)
    }

    /// Takes a field, if it is there and not null.
    pub fn take(&mut self, name: &'static str) -> Option<Node> {
        let (_, at, node) = self.fields.iter_mut().find(|(field, _, _)| *field == name)?;
        let nothing = Node { at: *at, kind: Kind::Null, is_quoted: false };
        Some(std::mem::replace(node, nothing)).filter(|node| !matches!(node.kind, Kind::Null))
    }

    /// Whether a field is there and has something in it.
    pub fn has(&self, name: &str) -> bool {
        let is_something = |node: &Node| match &node.kind {
            Kind::Null => false,
            Kind::List(items) => !items.is_empty(),
            _ => true,
        };
        self.fields.iter().any(|(field, _, node)| *field == name && is_something(node))
    }

    /// Takes a field that must be there.
    pub fn need(&mut self, name: &'static str, example: &str, out: &mut Collector<'_>) -> Option<Node> {
        let found = self.take(name);
        if found.is_none() {
            out.report(Code::MissingField, self.at, format!("{} needs `{name}`", self.what))
                .advise(format!("write `{name}: {example}`"));
        }
        found
    }

    /// Takes a single value.
    pub fn text(&mut self, name: &'static str, out: &mut Collector<'_>) -> Option<Text> {
        let node = self.take(name)?;
        text(node, &format!("`{name}`"), out)
    }

    /// Takes a single value that must be there.
    pub fn need_text(&mut self, name: &'static str, example: &str, out: &mut Collector<'_>) -> Option<Text> {
        let node = self.need(name, example, out)?;
        text(node, &format!("`{name}`"), out)
    }

    /// Takes a list of single values. An absent one is empty.
    pub fn texts(&mut self, name: &'static str, out: &mut Collector<'_>) -> Vec<Text> {
        self.take(name).map(|node| texts(node, name, out)).unwrap_or_default()
    }

    /// Takes a list of single values that must be there and have an entry.
    pub fn need_texts(&mut self, name: &'static str, example: &str, out: &mut Collector<'_>) -> Vec<Text> {
        let Some(node) = self.need(name, example, out) else { return Vec::new() };
        filled_texts(node, name, example, out)
    }

    /// Takes a list of single values that has an entry if it is there.
    pub fn some_texts(
        &mut self,
        name: &'static str,
        example: &str,
        out: &mut Collector<'_>,
    ) -> Option<Vec<Text>> {
        self.take(name).map(|node| filled_texts(node, name, example, out))
    }
}

fn filled_texts(node: Node, name: &str, example: &str, out: &mut Collector<'_>) -> Vec<Text> {
    if matches!(&node.kind, Kind::List(items) if items.is_empty()) {
        out.report(Code::Empty, node.at, format!("`{name}` is empty"))
            .advise(format!("write `{name}: {example}`"));
    }
    texts(node, name, out)
}

/// The entries of a mapping. `None`, and reported, when it is none.
pub fn entries(node: Node, what: &str, out: &mut Collector<'_>) -> Option<Vec<(Text, Node)>> {
    match node.kind {
        Kind::Map(entries) => Some(entries),
        Kind::Null => Some(Vec::new()),
        Kind::Refused => None,
        other => {
            let message = format!("{what} is a mapping, and this is {}", other.name());
            out.report(Code::WrongShape, node.at, message).advise("write `name: value` pairs");
            None
        }
    }
}

/// The entries of a mapping whose keys are names that the policy gives; each may appear once.
pub fn named(node: Node, what: &str, out: &mut Collector<'_>) -> Vec<(Text, Node)> {
    let mut seen: BTreeMap<String, At> = BTreeMap::new();
    let mut kept = Vec::new();
    for (key, value) in entries(node, what, out).unwrap_or_default() {
        if let Some(first) = seen.get(&key.text) {
            out.report(Code::RepeatedKey, key.at, format!("`{}` is written twice", key.text))
                .also(*first, "the first one")
                .advise("keep one of them");
            continue;
        }
        seen.insert(key.text.clone(), key.at);
        kept.push((key, value));
    }
    kept
}

/// The items of a list.
pub fn items(node: Node, what: &str, out: &mut Collector<'_>) -> Vec<Node> {
    match node.kind {
        Kind::List(items) => items,
        Kind::Null | Kind::Refused => Vec::new(),
        other => {
            let message = format!("{what} is a list, and this is {}", other.name());
            out.report(Code::WrongShape, node.at, message)
                .advise("write `[a, b]`, or one line with `- ` each");
            Vec::new()
        }
    }
}

/// A single value.
pub fn text(node: Node, what: &str, out: &mut Collector<'_>) -> Option<Text> {
    match node.kind {
        Kind::Scalar(text) => Some(Text { text, at: node.at }),
        Kind::Refused => None,
        other => {
            let message = format!("{what} is a single value, and this is {}", other.name());
            out.report(Code::WrongShape, node.at, message).advise("write one value");
            None
        }
    }
}

/// A list of single values.
pub fn texts(node: Node, name: &str, out: &mut Collector<'_>) -> Vec<Text> {
    items(node, &format!("`{name}`"), out)
        .into_iter()
        .filter_map(|item| text(item, &format!("an entry of `{name}`"), out))
        .collect()
}
