//! YAML as a tree of texts, lists and mappings, each with its place.
//!
//! Built from parser events, not by deserialising: serde stops at the first problem and guesses the
//! types of scalars, while a policy wants every problem at once and every scalar as it was written.
//! What a policy does not need (anchors, tags, merge keys, further documents) is refused here, which
//! also makes documents that unfold into something huge impossible.

use std::borrow::Cow;

use serde_yaml::granit_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use crate::policy::diagnostic::{At, Code, Collector};

/// The largest file that is read, in bytes. A ConfigMap cannot be larger either.
pub const MAX_BYTES: usize = 1024 * 1024;
const MAX_NODES: usize = 250_000;
const MAX_DEPTH: usize = 32;

/// A scalar as it was written, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The text after YAML's escapes.
    pub text: String,
    /// Its place.
    pub at: At,
}

/// One value.
#[derive(Debug)]
pub struct Node {
    /// Its place: of a list or mapping, its first element.
    pub at: At,
    /// What it is.
    pub kind: Kind,
    /// Whether it is a scalar in quotes or in a block, and so a text whatever it says.
    pub is_quoted: bool,
}

/// What a value is.
#[derive(Debug)]
pub enum Kind {
    /// Nothing, `null` or `~`.
    Null,
    /// A scalar.
    Scalar(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, its keys once each.
    Map(Vec<(Text, Node)>),
    /// Something that was already reported. Readers pass over it in silence.
    Refused,
}

impl Kind {
    /// The kind in words.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Null | Self::Refused => "nothing",
            Self::Scalar(_) => "a single value",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// Reads one file. `None` when it cannot be read at all, which has then been reported.
pub fn read(file: u32, text: &str, out: &mut Collector<'_>) -> Option<Node> {
    let start = At { file, line: 1, column: 1, width: 0 };
    if text.len() > MAX_BYTES {
        out.report(Code::TooLarge, start, format!("the file has {} bytes", text.len()))
            .advise("split it: a file may have at most 1 MiB");
        return None;
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder { file, out, open: Vec::new(), root: None, nodes: 0 };
    let done = builder.build(parser(text));
    let root = builder.root.take();
    done.then(|| root.unwrap_or(Node { at: start, kind: Kind::Null, is_quoted: false }))
}

fn parser(text: &str) -> Parser<'_, StrInput<'_>> {
    let mut options = serde_yaml::granit_parser::Options::default();
    options.set_emit_comments(false);
    options.disallow_directives = true;
    options.emit_unresolved_aliases = true;
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    Parser::new_from_str_with_options(text, options)
}

/// A list or mapping that has not ended yet.
enum Open {
    List(At, Vec<Node>),
    Map(At, Vec<(Text, Node)>, Option<Key>),
}

/// A key that waits for its value.
enum Key {
    Text(Text),
    /// A key that was reported: its value is dropped.
    Refused,
}

struct Builder<'a, 'b> {
    file: u32,
    out: &'a mut Collector<'b>,
    open: Vec<Open>,
    root: Option<Node>,
    nodes: usize,
}

impl Builder<'_, '_> {
    fn build<'i>(&mut self, mut parser: Parser<'i, StrInput<'i>>) -> bool {
        let mut documents = 0;
        loop {
            let (event, span) = match parser.next_event() {
                None => return true,
                Some(Ok(next)) => next,
                Some(Err(error)) => {
                    let at = self.place(*error.marker(), 0);
                    self.out.report(Code::Syntax, at, format!("this is not YAML: {}", error.info())).advise(
                        "check brackets and indentation; quote texts with any of { } [ ] , : # * & !",
                    );
                    return false;
                }
            };
            let at = self.at(&span);
            if let Event::DocumentStart(..) = event {
                documents += 1;
                if documents > 1 {
                    self.out
                        .report(Code::Unsupported, at, "a second document begins here")
                        .advise("write one document for each file");
                    return true;
                }
            }
            if !self.take(event, at) {
                return false;
            }
        }
    }

    /// Takes one event. `false` when there are too many.
    fn take(&mut self, event: Event<'_>, at: At) -> bool {
        let is_node = matches!(
            event,
            Event::Scalar(..)
                | Event::SequenceStart(..)
                | Event::MappingStart(..)
                | Event::Alias(_)
                | Event::UnresolvedAlias(_)
        );
        self.nodes += usize::from(is_node);
        if self.nodes > MAX_NODES {
            self.out
                .report(Code::TooLarge, at, format!("the file has more than {MAX_NODES} values"))
                .advise("split it into several files");
            return false;
        }
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_properties(anchor, tag.is_some(), at);
                self.scalar(text, style, at);
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_properties(anchor, tag.is_some(), at);
                self.open.push(Open::List(at, Vec::new()));
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_properties(anchor, tag.is_some(), at);
                self.open.push(Open::Map(at, Vec::new(), None));
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                self.out
                    .report(Code::Unsupported, at, "aliases are not part of the policy language")
                    .advise("write the value out; limits and purposes are shared by their names");
                self.add(Node { at, kind: Kind::Refused, is_quoted: false });
            }
            _ => {}
        }
        true
    }

    fn scalar(&mut self, text: Cow<'_, str>, style: ScalarStyle, at: At) {
        let plain = matches!(style, ScalarStyle::Plain);
        if plain && self.waits_for_key() && text == "<<" {
            self.out
                .report(Code::Unsupported, at, "merge keys are not part of the policy language")
                .advise("write the fields out");
            self.set_key(Key::Refused);
            return;
        }
        let null = plain && !self.waits_for_key() && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
        let kind = if null { Kind::Null } else { Kind::Scalar(text.into_owned()) };
        self.add(Node { at, kind, is_quoted: !plain });
    }

    fn refuse_properties(&mut self, anchor: usize, tagged: bool, at: At) {
        if anchor != 0 || tagged {
            let what = if tagged { "tags" } else { "anchors" };
            self.out
                .report(Code::Unsupported, at, format!("{what} are not part of the policy language"))
                .advise("leave it out");
        }
    }

    fn close(&mut self) {
        match self.open.pop() {
            Some(Open::List(at, items)) => self.add(Node { at, kind: Kind::List(items), is_quoted: false }),
            Some(Open::Map(at, entries, _)) => {
                self.add(Node { at, kind: Kind::Map(entries), is_quoted: false })
            }
            None => {}
        }
    }

    fn waits_for_key(&self) -> bool {
        matches!(self.open.last(), Some(Open::Map(_, _, None)))
    }

    fn set_key(&mut self, next: Key) {
        if let Some(Open::Map(_, _, key)) = self.open.last_mut() {
            *key = Some(next);
        }
    }

    /// Puts a finished value where it belongs: into the innermost open list or mapping.
    fn add(&mut self, node: Node) {
        if self.waits_for_key() {
            let key = self.key(node);
            self.set_key(key);
            return;
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, items)) => items.push(node),
            Some(Open::Map(_, entries, key)) => match key.take() {
                Some(Key::Text(key)) => entries.push((key, node)),
                Some(Key::Refused) | None => {}
            },
        }
    }

    fn key(&mut self, node: Node) -> Key {
        match node.kind {
            Kind::Scalar(text) => Key::Text(Text { text, at: node.at }),
            Kind::Refused => Key::Refused,
            other => {
                self.out
                    .report(Code::WrongShape, node.at, format!("{} cannot be a key", other.name()))
                    .advise("write a field or a name before the colon");
                Key::Refused
            }
        }
    }

    fn at(&self, span: &Span) -> At {
        let width = if span.start.line() == span.end.line() {
            span.end.col().saturating_sub(span.start.col())
        } else {
            0
        };
        self.place(span.start, width)
    }

    fn place(&self, marker: serde_yaml::granit_parser::Marker, width: usize) -> At {
        let fit = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        At { file: self.file, line: fit(marker.line()), column: fit(marker.col() + 1), width: fit(width) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_have_one_mebibyte() {
        let is_read = |length: usize| {
            let mut out = Collector::new(&[]);
            read(0, &format!("a: 1\n#{}", "x".repeat(length - 6)), &mut out).is_some()
        };
        assert!(is_read(1_048_576));
        assert!(!is_read(1_048_577));
    }

    /// Whether a text is read when there is room for this many values.
    fn fits(text: &str, room: usize) -> bool {
        let mut out = Collector::new(&[]);
        let nodes = MAX_NODES - room;
        Builder { file: 0, out: &mut out, open: Vec::new(), root: None, nodes }.build(parser(text))
    }

    #[test]
    fn every_key_value_list_mapping_and_alias_is_counted() {
        for (text, values) in [("a", 1), ("[a, b]", 3), ("a: [b, {c: d}]", 7), ("{a: &a 1, b: *a}", 5)] {
            assert!(fits(text, values), "{text}");
            assert!(!fits(text, values - 1), "{text}");
        }
    }
}
