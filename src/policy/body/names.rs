//! Names that one reader of a request takes for a selected field and another does not. Such a request is
//! refused: the sidecar would judge one value and the backend use the other.

use super::form::{Pairs, duplicate};
use super::json::Json;
use super::{Content, JudgedBody, scalar};
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
    selected.iter().find_map(|field| match field.source {
        Source::Body => body
            .and_then(|body| body.conflict(&field.path))
            .or_else(|| like_body_field(query, &field.path, selected)),
        Source::Query => like_query_field(query, &field.path)
            .or_else(|| body.and_then(|body| body.shadow(&field.path, selected))),
        Source::Claims | Source::Answer => None,
    })
}

impl JudgedBody {
    /// Another spelling of a selected body field in the body itself.
    fn conflict(&self, path: &[String]) -> Option<String> {
        let (first, deeper) = path.split_first()?;
        let mut members = match &self.content {
            Content::Object(members) => members,
            Content::Form(pairs) => {
                // A form holds `a[b]` and `a.b` for some readers only, so that nothing may begin with `a`.
                let exact = if deeper.is_empty() { first.as_str() } else { "" };
                let mut names = pairs.iter().map(|(name, _)| name.as_str());
                return names.find(|name| *name != exact && is_alike(name, first)).map(|_| alike(first));
            }
        };
        for (depth, name) in path.iter().enumerate() {
            if members.iter().any(|(there, _)| there != name && is_alike(there, name)) {
                return Some(alike(name));
            }
            let (_, value) = members.iter().find(|(there, _)| there == name)?;
            members = match value {
                Json::Object(members) if depth + 1 < path.len() => members,
                Json::Array(_) => return Some(no_single_value(name)),
                Json::Null => return None,
                value if depth + 1 == path.len() && scalar(value).is_none() => {
                    return Some(no_single_value(name));
                }
                _ => return None,
            };
        }
        None
    }

    /// A body name that a reader which merges body and query takes for a selected query field.
    fn shadow(&self, path: &[String], selected: &[Field]) -> Option<String> {
        let field = path.first()?;
        let is_selected = |name: &str| {
            selected
                .iter()
                .any(|f| f.source == Source::Body && f.path.first().is_some_and(|first| first == name))
        };
        let shadows = |name: &str| is_alike(name, field) && !is_selected(name);
        let found = match &self.content {
            Content::Object(members) => members.iter().any(|(name, _)| shadows(name)),
            Content::Form(pairs) => pairs.iter().any(|(name, _)| shadows(name)),
        };
        found.then(|| format!("the body has a field that could be taken for `{field}` of the query"))
    }
}

/// A query name that a reader which merges body and query takes for a selected body field.
fn like_body_field(query: &Pairs, path: &[String], selected: &[Field]) -> Option<String> {
    let field = path.first()?;
    let is_selected = |name: &str| {
        selected
            .iter()
            .any(|f| f.source == Source::Query && f.path.first().is_some_and(|first| first == name))
    };
    let found = query.iter().any(|(name, _)| is_alike(name, field) && !is_selected(name));
    found.then(|| format!("the query has a field that could be taken for `{field}` of the body"))
}

/// Another spelling of a selected query field, or the field twice.
fn like_query_field(query: &Pairs, path: &[String]) -> Option<String> {
    let field = path.first()?;
    if query.iter().any(|(name, _)| name != field && is_alike(name, field)) {
        return Some(alike(field));
    }
    let (of_field, _): (Pairs, Pairs) = query.iter().cloned().partition(|(name, _)| name == field);
    duplicate(&of_field).map(|_| format!("`{field}` is in the query twice"))
}

fn alike(field: &str) -> String {
    format!("a field could be taken for `{field}` but is spelt in another way")
}

fn no_single_value(field: &str) -> String {
    format!("`{field}` must be one string, number or boolean")
}

/// Whether some reader takes `name` for `field`, or for something inside of it: `Amount`, `amount[]`,
/// `amount.x`, `[amount]`, `trans_action-reference`, `%61mount`.
pub fn is_alike(name: &str, field: &str) -> bool {
    let name = decoded(name);
    let field = bare(field);
    let start = name.trim_start_matches(|c: char| !c.is_alphanumeric());
    let base = start.split(['[', ']', '.', '{', '(', ':', '/']).next().unwrap_or_default();
    bare(&name) == field || bare(base) == field
}

/// The letters and digits of a name, look-alikes unified.
fn bare(name: &str) -> String {
    letters::plain_letters(name).chars().filter(|c| c.is_alphanumeric()).collect()
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
