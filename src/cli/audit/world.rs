//! What is examined, and what was found.

use std::path::PathBuf;

use http::Method;
use serde_json::{Value, json};

use crate::cli::wire::{Answer, Call, Target};
use crate::policy::field::{Field, Source};
use crate::policy::snapshot::{Action, PolicySnapshot, Route};

/// A token that anybody can make up. Not of the form of a real one.
pub(super) const FAKE: &str = "FAKE";

/// What is examined.
pub(super) struct World<'a> {
    /// The deployment.
    pub(super) target: &'a Target,
    /// What it runs.
    pub(super) policy: &'a PolicySnapshot,
    /// Its admin listener.
    pub(super) admin: Option<&'a Target>,
    /// The token of a test account.
    pub(super) token: Option<&'a str>,
    /// Log files.
    pub(super) logs: &'a [PathBuf],
    /// Whether real mails may be sent to the test account.
    pub(super) yes_send: bool,
    /// Whether the test account may be locked.
    pub(super) yes_lock: bool,
    /// How many requests may be sent before a limit must have bound.
    pub(super) most: u32,
}

/// A method and a path on which the policy decides.
#[derive(Clone)]
pub(super) struct Guarded<'a> {
    /// The route.
    pub(super) route: &'a Route,
    /// The method.
    pub(super) method: Method,
    /// The path, with something in place of its parameters.
    pub(super) path: String,
    /// A purpose that the policy knows.
    pub(super) purpose: &'a str,
}

impl Guarded<'_> {
    /// `POST /api/wallet/fund`.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// A request with a plausible body and query, without a token.
    pub(super) fn call<'b>(&self, path: &'b mut String) -> Call<'b> {
        *path = self.path.clone();
        if let Action::Status(rule) = &self.route.action
            && rule.purpose.source == Source::Query
        {
            path.push_str(&format!("?{}={}", rule.purpose.path.join("."), self.purpose));
        }
        let call = Call::new(self.method.clone(), path);
        if self.method == Method::GET { call } else { call.json(&json!({})) }
    }
}

impl World<'_> {
    /// Every method and path on which a route decides.
    pub(super) fn guarded(&self) -> Vec<Guarded<'_>> {
        let purpose = self.policy.purposes.keys().next().map(|name| name.as_str()).unwrap_or_default();
        let mut all = Vec::new();
        for route in &self.policy.routes {
            for method in &route.methods {
                for path in &route.paths {
                    all.push(Guarded { route, method: method.clone(), path: sample_path(path), purpose });
                }
            }
        }
        all
    }

    /// The first route whose action is this one.
    pub(super) fn route_that(&self, is_it: impl Fn(&Action) -> bool) -> Option<Guarded<'_>> {
        self.guarded().into_iter().find(|guarded| is_it(&guarded.route.action))
    }

    /// Asks without a token, or with a made-up one.
    pub(super) async fn stranger(
        &self,
        guarded: &Guarded<'_>,
        token: Option<&str>,
    ) -> anyhow::Result<Answer> {
        let mut path = String::new();
        let call = guarded.call(&mut path).token(token);
        self.target.call(call).await
    }
}

/// `{"a":{"b":value}}` for the field `a.b`.
pub(super) fn nested(field: &Field, value: Value) -> Value {
    field.path.iter().rev().fold(value, |inner, name| json!({ name.as_str(): inner }))
}

fn sample_path(path: &str) -> String {
    let is_parameter = |segment: &str| segment.starts_with([':', '{', '*']);
    let segments = path.split('/').map(|segment| if is_parameter(segment) { "1" } else { segment });
    segments.collect::<Vec<_>>().join("/")
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As it should.
    Pass,
    /// Not as it should.
    Fail,
    /// It was not examined.
    Skip,
}

impl Verdict {
    /// The word in JSON.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Skip => "skip",
        }
    }
}

/// One check.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) group: &'static str,
    pub(super) name: String,
    pub(super) verdict: Verdict,
    pub(super) seen: String,
    pub(super) advice: Option<String>,
}

/// Everything that was found.
#[derive(Default)]
pub(super) struct Checks {
    group: &'static str,
    list: Vec<Check>,
}

impl Checks {
    /// The group of what follows.
    pub(super) fn begin(&mut self, group: &'static str) {
        self.group = group;
    }

    pub(super) fn pass(&mut self, name: impl Into<String>, seen: impl Into<String>) {
        self.push(name.into(), Verdict::Pass, seen.into(), None);
    }

    pub(super) fn fail(
        &mut self,
        name: impl Into<String>,
        seen: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.push(name.into(), Verdict::Fail, seen.into(), Some(advice.into()));
    }

    pub(super) fn skip(&mut self, name: impl Into<String>, why: impl Into<String>) {
        self.push(name.into(), Verdict::Skip, why.into(), None);
    }

    /// A request that had no answer fails its check: nobody knows what it did.
    pub(super) fn unanswered(&mut self, name: impl Into<String>, error: &anyhow::Error) {
        self.fail(name, format!("{error:#}"), "The deployment answered before: look at its log.");
    }

    pub(super) fn all(&self) -> &[Check] {
        &self.list
    }

    fn push(&mut self, name: String, verdict: Verdict, seen: String, advice: Option<String>) {
        self.list.push(Check { group: self.group, name, verdict, seen, advice });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_nested_as_its_path_says() {
        let field = Field::parse("request.body.a.b").unwrap();
        assert_eq!(nested(&field, json!(1)), json!({ "a": { "b": 1 } }));
    }

    #[test]
    fn parameters_of_a_path_are_filled_in() {
        for (path, expected) in
            [("/a/b", "/a/b"), ("/a/:id/b", "/a/1/b"), ("/a/{id}", "/a/1"), ("/a/*", "/a/1")]
        {
            assert_eq!(sample_path(path), expected);
        }
    }
}
