//! Patterns with parameters, one node for each segment.

use std::collections::HashMap;

/// One segment of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// A name, as the policy spells it.
    Literal(Box<str>),
    /// Any one name.
    Parameter,
}

/// A tree of segments. Lookups cost by the length of the path, not by the number of patterns.
#[derive(Debug)]
pub struct Trie {
    /// The first is the root.
    nodes: Vec<Node>,
    /// The length of the longest literal name. Longer ones are not even looked up.
    longest_name: usize,
}

#[derive(Debug, Default)]
struct Node {
    /// Lower-case name → node.
    literal: HashMap<Box<[u8]>, usize>,
    parameter: Option<usize>,
    pattern: Option<usize>,
}

impl Default for Trie {
    fn default() -> Self {
        Self { nodes: vec![Node::default()], longest_name: 0 }
    }
}

impl Trie {
    /// Puts a pattern in. The number of the pattern that is there now: `pattern`, or an earlier one whose
    /// names are the same but for case.
    pub fn insert(&mut self, segments: &[Segment], pattern: usize) -> usize {
        let mut at = 0;
        for segment in segments {
            let fresh = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else { return pattern };
            at = match segment {
                Segment::Literal(name) => {
                    self.longest_name = self.longest_name.max(name.len());
                    *node.literal.entry(name.to_ascii_lowercase().into_bytes().into()).or_insert(fresh)
                }
                Segment::Parameter => *node.parameter.get_or_insert(fresh),
            };
            if at == fresh {
                self.nodes.push(Node::default());
            }
        }
        match self.nodes.get_mut(at) {
            Some(node) => *node.pattern.get_or_insert(pattern),
            None => pattern,
        }
    }

    /// The pattern that a canonical path names.
    pub fn find(&self, canonical: &[u8]) -> Option<usize> {
        let root = self.nodes.first()?;
        if root.literal.is_empty() && root.parameter.is_none() {
            return None;
        }
        self.find_from(root, canonical)
    }

    fn find_from(&self, node: &Node, rest: &[u8]) -> Option<usize> {
        let Some((_, rest)) = rest.split_first() else { return node.pattern };
        let end = rest.iter().position(|&b| b == b'/').unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        let literal = if name.len() > self.longest_name { None } else { node.literal.get(name).copied() };
        let children = [literal, node.parameter];
        children.into_iter().flatten().find_map(|child| self.find_from(self.nodes.get(child)?, rest))
    }

    /// A pattern other than `except` that some path matches as well as these segments.
    pub fn overlapping(&self, segments: &[Segment], except: usize) -> Option<usize> {
        self.overlapping_from(self.nodes.first()?, segments, except)
    }

    fn overlapping_from(&self, node: &Node, segments: &[Segment], except: usize) -> Option<usize> {
        let Some((segment, rest)) = segments.split_first() else {
            return node.pattern.filter(|pattern| *pattern != except);
        };
        let go = |child: &usize| self.overlapping_from(self.nodes.get(*child)?, rest, except);
        let by_name = match segment {
            Segment::Literal(name) => node.literal.get(name.to_ascii_lowercase().as_bytes()).and_then(go),
            Segment::Parameter => node.literal.values().find_map(go),
        };
        by_name.or_else(|| node.parameter.as_ref().and_then(go))
    }
}
