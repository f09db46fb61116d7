//! Names that one reader of a request takes for a selected field and another does not. Such a request is
//! refused: the sidecar would judge one value and the backend use the other.

use super::form::Pairs;
use super::json::Json;
use super::{Content, JudgedBody, member};
use crate::policy::field::{Field, Source};
use crate::policy::fold::{self, letters};

/// Names that change an object's prototype in script readers instead of setting a member.
const DANGEROUS: [&str; 3] = ["__proto__", "constructor", "prototype"];
/// Names that change how a request is routed (method overrides) or decoded.
const OVERRIDES: [&str; 2] = ["_method", "_charset_"];
/// How often a name is decoded beyond what its body was; more than any reader does.
const MAX_DECODINGS: usize = 6;

/// Whether body and query of a request hold each selected field at most once, under its exact name and as
/// one value. `None` when they do; otherwise a sentence for the client.
///
/// `selected` may hold selectors of other sources, which are passed over.
pub fn field_conflicts(body: Option<&JudgedBody>, query: &Pairs, selected: &[Field]) -> Option<String> {
    if let Err(refusal) = refuse_dangerous_pairs(query) {
        return Some(refusal);
    }
    let in_query = Name::all(query);
    let in_body = body.map(JudgedBody::names).unwrap_or_default();
    selected.iter().find_map(|field| match field.source {
        Source::Body => body
            .and_then(|body| body.conflict(&in_body, &field.path))
            .or_else(|| shadow(&in_query, Source::Query, field, selected)),
        Source::Query => {
            like_query_field(&in_query, field).or_else(|| shadow(&in_body, Source::Body, field, selected))
        }
        Source::Claims | Source::Answer => None,
    })
}

impl JudgedBody {
    fn names(&self) -> Vec<Name<'_>> {
        match &self.content {
            Content::Object(members) => Name::all(members),
            Content::Form(pairs) => Name::all(pairs),
        }
    }

    /// Another spelling of a selected body field in the body itself, whose outermost names are given.
    fn conflict(&self, names: &[Name<'_>], path: &[String]) -> Option<String> {
        let (first, deeper) = path.split_first()?;
        let Content::Object(members) = &self.content else {
            // A form holds `a[b]` and `a.b` for some readers only, so that nothing may begin with `a`.
            let exact = deeper.is_empty().then_some(first.as_str());
            return Name::is_any_like(names, first, exact).then(|| alike(first));
        };
        let mut members = members;
        for (depth, name) in path.iter().enumerate() {
            let inner;
            let names = if depth == 0 {
                names
            } else {
                inner = Name::all(members);
                &inner
            };
            if Name::is_any_like(names, name, Some(name)) {
                return Some(alike(name));
            }
            let is_last = depth + 1 == path.len();
            members = match member(members, name)? {
                Json::Object(members) if !is_last => members,
                Json::Array(_) | Json::Object(_) => return Some(no_single_value(name)),
                _ => return None,
            };
        }
        None
    }
}

/// A name in one part of the request that a reader which merges body and query takes for a selected field of
/// the other part.
fn shadow(names: &[Name<'_>], part: Source, field: &Field, selected: &[Field]) -> Option<String> {
    let first = field.path.first()?;
    let plain = bare(first);
    let is_selected =
        |name: &str| selected.iter().any(|f| f.source == part && f.path.first().is_some_and(|n| n == name));
    let found = names.iter().any(|name| name.is_like(&plain) && !is_selected(name.text));
    let (there, here) = if part == Source::Query { ("query", "body") } else { ("body", "query") };
    found.then(|| format!("the {there} has a field that could be taken for `{first}` of the {here}"))
}

/// Another spelling of a selected query field, or the field twice.
fn like_query_field(names: &[Name<'_>], field: &Field) -> Option<String> {
    let first = field.path.first()?;
    if Name::is_any_like(names, first, Some(first)) {
        return Some(alike(first));
    }
    let times = names.iter().filter(|name| name.text == first).count();
    (times > 1).then(|| format!("`{first}` is in the query twice"))
}

fn alike(field: &str) -> String {
    format!("a field could be taken for `{field}` but is spelt in another way")
}

fn no_single_value(field: &str) -> String {
    format!("`{field}` must be one string, number or boolean")
}

/// A name, and what readers take it for: worked out once, then compared with every field.
struct Name<'a> {
    /// As it is spelt.
    text: &'a str,
    /// All of it, [`bare`].
    whole: String,
    /// The same of what is before the first bracket or dot.
    base: String,
}

impl<'a> Name<'a> {
    fn of(text: &'a str) -> Self {
        let decoded = decoded(text);
        let start = decoded.trim_start_matches(|c: char| !c.is_alphanumeric());
        let base = start.split(['[', ']', '.', '{', '(', ':', '/']).next().unwrap_or_default();
        Self { text, base: bare(base), whole: bare(&decoded) }
    }

    fn all<T>(fields: &'a [(String, T)]) -> Vec<Self> {
        fields.iter().map(|(name, _)| Self::of(name)).collect()
    }

    /// Whether some reader takes it for a field of this bare name, or for something inside of it: `Amount`,
    /// `amount[]`, `amount.x`, `[amount]`, `trans_action-reference`, `%61mount`.
    fn is_like(&self, bare_field: &str) -> bool {
        self.whole == bare_field || self.base == bare_field
    }

    /// Whether one of the names, other than the exact one, is like the field.
    fn is_any_like(names: &[Self], field: &str, exact: Option<&str>) -> bool {
        let field = bare(field);
        names.iter().any(|name| Some(name.text) != exact && name.is_like(&field))
    }
}

/// The letters and digits of a name, look-alikes unified.
fn bare(name: &str) -> String {
    let mut bare = letters::plain_letters(name);
    bare.make_ascii_lowercase();
    bare.retain(char::is_alphanumeric);
    bare
}

fn decoded(name: &str) -> String {
    let mut text = name.as_bytes().to_vec();
    for _ in 0..MAX_DECODINGS {
        match fold::decode(&text) {
            Some(next) => text = next,
            None => break,
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// Refuses an object in which, at any depth, a name is dangerous.
pub(super) fn refuse_dangerous_members(value: &Json) -> Result<(), String> {
    match value {
        Json::Object(members) => members.iter().try_for_each(|(name, value)| {
            refuse_dangerous(name)?;
            refuse_dangerous_members(value)
        }),
        Json::Array(values) => values.iter().try_for_each(refuse_dangerous_members),
        _ => Ok(()),
    }
}

/// Refuses names such as `a[__proto__]`.
pub(super) fn refuse_dangerous_pairs(pairs: &Pairs) -> Result<(), String> {
    pairs.iter().try_for_each(|(name, _)| refuse_dangerous(name))
}

fn refuse_dangerous(name: &str) -> Result<(), String> {
    let name = decoded(name);
    for part in name.split(['[', ']', '.']) {
        if DANGEROUS.contains(&part) || OVERRIDES.iter().any(|word| part.eq_ignore_ascii_case(word)) {
            return Err("a field has a name that is not taken: `__proto__`, `constructor`, `prototype`, `_method` or `_charset_`".to_owned());
        }
    }
    Ok(())
}
