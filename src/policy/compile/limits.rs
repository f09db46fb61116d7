//! Limits, and whether they may be used where they are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::distinct;
use crate::domain::id::LimitName;
use crate::domain::window::Count;
use crate::policy::diagnostic::{At, Code, Collector};
use crate::policy::document::Document;
use crate::policy::document::limits::Limit;
use crate::policy::document::tree::Text;
use crate::policy::nearest::suggestion;
use crate::policy::scalar;
use crate::policy::snapshot::{CountedBy, LimitRule};

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(31 * 24 * 60 * 60);
/// A bucket remembers up to `max` times of 8 bytes for each key.
const MOST: u32 = 100_000;

/// Where a limit is used, and so what it can count by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Requests without a good token.
    Identity,
    /// Wherever a code is issued.
    Purpose,
    /// A route that knows the purpose before it decides.
    Route,
    /// A route that does not: the purpose is stored with the code, or there is none.
    RouteWithoutPurpose,
}

/// All limits of a set.
pub(super) struct Limits {
    /// Those without errors.
    pub(super) rules: BTreeMap<LimitName, Arc<LimitRule>>,
    declared: BTreeMap<String, At>,
    incomplete: bool,
}

impl Limits {
    pub(super) fn compile(document: &Document, out: &mut Collector<'_>) -> Self {
        let mut limits =
            Self { rules: BTreeMap::new(), declared: BTreeMap::new(), incomplete: document.incomplete };
        for limit in &document.limits {
            if let Some(first) = limits.declared.get(&limit.name.text) {
                let message = format!("the limit `{}` is defined a second time", limit.name.text);
                out.report(Code::DefinedTwice, limit.name.at, message)
                    .also(*first, "the first one")
                    .advise("give one of them another name");
                continue;
            }
            limits.declared.insert(limit.name.text.clone(), limit.name.at);
            if let Some(rule) = rule(limit, out) {
                limits.rules.insert(rule.name.clone(), Arc::new(rule));
            }
        }
        limits
    }

    /// The rules behind a list of names.
    pub(super) fn resolve(
        &self,
        names: &[Text],
        place: Place,
        out: &mut Collector<'_>,
    ) -> Vec<Arc<LimitRule>> {
        distinct(names, out).filter_map(|name| self.one(name, place, out)).collect()
    }

    fn one(&self, name: &Text, place: Place, out: &mut Collector<'_>) -> Option<Arc<LimitRule>> {
        if !self.declared.contains_key(&name.text) {
            if !self.incomplete {
                let known = self.declared.keys().map(String::as_str);
                out.report(Code::UnknownLimit, name.at, format!("there is no limit `{}`", name.text))
                    .advise(suggestion(&name.text, known));
            }
            return None;
        }
        let rule = self.rules.get(&LimitName::parse(&name.text).ok()?)?;
        let problem = match place {
            Place::Identity if rule.by.subject => Some("a request without a good token has no subject"),
            Place::Identity | Place::RouteWithoutPurpose if rule.by.purpose => {
                Some("the purpose is not known here")
            }
            _ => None,
        };
        if let Some(problem) = problem {
            out.report(Code::LimitPlace, name.at, format!("`{}` cannot count here: {problem}", name.text))
                .also(self.declared.get(&name.text).copied()?, "the limit")
                .advise("use a limit that counts by something else");
        }
        Some(Arc::clone(rule))
    }
}

fn rule(limit: &Limit, out: &mut Collector<'_>) -> Option<LimitRule> {
    let name = scalar::name(&limit.name, LimitName::parse, out);
    let max = limit.max.as_ref().and_then(|text| scalar::number(text, 1..=MOST, out));
    let per = limit.per.as_ref().and_then(|text| scalar::span(text, SHORTEST..=LONGEST, out));
    let by = counted_by(&limit.by, out);
    let words = [("all", Count::All), ("failures", Count::Failures)];
    let count = match &limit.count {
        Some(text) => scalar::word(text, &words, out),
        None => Some(Count::All),
    };
    if let (Some(text), Some(Count::Failures), Some(CountedBy { subject: false, .. })) =
        (&limit.count, count, by)
    {
        let message = format!(
            "`{}` would count every request: without `subject` it counts before codes are compared",
            limit.name.text
        );
        out.report(Code::CountsAll, text.at, message)
            .advise("add `subject` to `by`, or write `count: all` if every request is meant");
    }
    Some(LimitRule { name: name?, max: max?, per: per?, by: by?, count: count? })
}

fn counted_by(list: &[Text], out: &mut Collector<'_>) -> Option<CountedBy> {
    #[derive(Clone, Copy, PartialEq)]
    enum Key {
        Subject,
        Purpose,
        Client,
        Everyone,
    }
    let words = [
        ("subject", Key::Subject),
        ("purpose", Key::Purpose),
        ("client_ip", Key::Client),
        ("everyone", Key::Everyone),
    ];
    let mut by = CountedBy::default();
    let mut valid = true;
    for text in distinct(list, out) {
        match scalar::word(text, &words, out) {
            Some(Key::Subject) => by.subject = true,
            Some(Key::Purpose) => by.purpose = true,
            Some(Key::Client) => by.client = true,
            Some(Key::Everyone) if list.len() > 1 => {
                out.report(Code::Everyone, text.at, "`everyone` is one bucket for all, so it stands alone")
                    .advise("write `by: [everyone]`, or leave `everyone` out");
            }
            Some(Key::Everyone) => {}
            None => valid = false,
        }
    }
    valid.then_some(by)
}
