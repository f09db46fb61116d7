//! One line after the other, on the state of the new policy.

use std::collections::HashMap;
use std::sync::Arc;

use super::account::{Accounts, Whose};
use super::counts::Limits;
use super::known::{Awaited, Holding, LATEST, Note, Ruled, called, change, refused};
use super::line::{Decision, Entry, Outcome};
use super::{Change, Doubt, Report};
use crate::domain::admit;
use crate::domain::challenge::REMEMBERED_BEYOND_CODE;
use crate::domain::id::{Reference, RequestId};
use crate::domain::lockout::Lock;
use crate::domain::reason::Reason;
use crate::domain::state::State;
use crate::domain::subject::Subject;
use crate::domain::tally::Tally;
use crate::domain::time::Timestamp;
use crate::policy::caller::Caller;
use crate::policy::decision::Denial;
use crate::policy::facts::Facts;
use crate::policy::find::Found;
use crate::policy::snapshot::{Action, PolicySnapshot, PurposeRules, Route};
use crate::policy::{limit, status};

/// The fewest lines between two sweeps of the state.
const SWEEP_AFTER_AT_LEAST: usize = 16_384;

/// A replay under way.
pub struct Replay<'a> {
    pub(super) policy: &'a PolicySnapshot,
    pub(super) was: Option<&'a PolicySnapshot>,
    from: Timestamp,
    to: Timestamp,
    pub(super) state: State,
    pub(super) accounts: Accounts,
    pub(super) notes: HashMap<(Subject, Reference), Note>,
    pub(super) holdings: HashMap<RequestId, Holding>,
    routes: HashMap<Arc<str>, Option<Arc<Route>>>,
    pub(super) awaited: HashMap<RequestId, Awaited>,
    pub(super) limits: Limits,
    /// When a request was let through whose code, if the wallet agreed, took the place of an older one.
    pub(super) shadows: HashMap<Whose, Timestamp>,
    pub(super) begin: Option<Timestamp>,
    lines_until_sweep: usize,
    pub(super) report: Report,
    #[cfg(test)]
    last: Option<Change>,
}

impl<'a> Replay<'a> {
    /// Nothing replayed yet under `policy`. Where `was` is the policy of the log, routes are found by their paths and not
    /// by their names. Lines before `from` and from `to` on are replayed, but not reported.
    pub fn new(
        policy: &'a PolicySnapshot,
        was: Option<&'a PolicySnapshot>,
        from: Timestamp,
        to: Timestamp,
    ) -> Self {
        Self {
            policy,
            was,
            from,
            to,
            state: State::default(),
            accounts: Accounts::default(),
            notes: HashMap::new(),
            holdings: HashMap::new(),
            routes: HashMap::new(),
            awaited: HashMap::new(),
            limits: Limits::default(),
            shadows: HashMap::new(),
            begin: None,
            lines_until_sweep: SWEEP_AFTER_AT_LEAST,
            report: Report::default(),
            #[cfg(test)]
            last: None,
        }
    }

    /// What was found.
    pub fn finish(self) -> Report {
        self.report
    }

    /// When the log begins, as far as it was read.
    pub(super) fn begin(&self) -> Timestamp {
        self.begin.unwrap_or_default()
    }

    /// What was said of the last decision.
    #[cfg(test)]
    pub(super) fn last_change(&self) -> Option<Change> {
        self.last
    }

    /// How many entries are held.
    pub fn held(&self) -> usize {
        self.state.len() + self.notes.len() + self.awaited.len() + self.holdings.len()
    }

    /// Replays one line.
    pub fn entry(&mut self, entry: &Entry) {
        match entry {
            Entry::Decision(line) => self.decision(line),
            Entry::Issued { time, request, reference, expires_in } => {
                self.issued(*time, request, reference, *expires_in);
            }
            Entry::Ended { request, .. } => {
                self.awaited.remove(request);
            }
            Entry::Settled { request, how, time } => self.settled(request, *how, *time),
            Entry::Other(_) => {}
        }
    }

    fn decision(&mut self, line: &Decision) {
        self.begin.get_or_insert(line.time);
        self.sweep_if_due(line.time);
        let whose = line.subject.clone().zip(line.purpose.clone());
        if let Some(whose) = &whose {
            let reset = self.accounts.before(line, whose, &mut self.state);
            self.report.resets += u64::from(reset);
        }
        let ruled = self.rule(line);
        if line.outcome == Outcome::Allowed && matches!(&*line.action, "issue" | "send") {
            let awaited = Awaited {
                whose: whose.clone(),
                admitted: ruled == Ruled::Allowed,
                is_made: &*line.action == "send",
                at: line.time,
            };
            self.awaited.insert(line.request.clone(), awaited);
        }
        if let Some(whose) = whose {
            self.accounts.after(line, whose);
        }
        if (self.from..self.to).contains(&line.time) {
            self.note(line, &ruled);
        }
    }

    fn rule(&mut self, line: &Decision) -> Ruled {
        if line.outcome == Outcome::Failed {
            return Ruled::Unknown(Doubt::Fault);
        }
        let same = || Ruled::Refused { reason: line.reason, rule: line.rule.clone() };
        let Some(route) = self.route(&line.route) else { return Ruled::Unknown(Doubt::Route) };
        match line.reason {
            // What a request must look like is not told by the log: it is taken to be refused again.
            Reason::AmbiguousPath
            | Reason::MethodNotAllowed
            | Reason::InvalidRequest
            | Reason::UnsupportedMediaType
            | Reason::BodyTooLarge
            | Reason::RecipientMismatch => return same(),
            Reason::Unauthorized => return self.without_caller(line, &route),
            Reason::RateLimited if line.subject.is_none() && needs_caller(&route) => {
                return self.without_caller(line, &route);
            }
            _ => {}
        }
        if *route.action.word() != *line.action {
            return Ruled::Unknown(Doubt::Route);
        }
        match (&route.action, facts(line)) {
            (Action::Limit, _) => self.within_limits(line, &route),
            (_, None) => Ruled::Unknown(Doubt::Incomplete),
            (Action::Issue(rule), Some(facts)) => self.issue(line, &route, &rule.purpose, &facts),
            (Action::Verify(rule), Some(facts)) => self.verify(line, &route, rule, &facts),
            (Action::Send(_), Some(facts)) => match self.purpose(line) {
                Ok(purpose) => self.send(line, &route, &purpose, &facts),
                Err(doubt) => Ruled::Unknown(doubt),
            },
            (Action::Status(_), Some(facts)) => match self.purpose(line) {
                Ok(purpose) => {
                    let command = status::before(&route, &purpose, &facts);
                    self.admitted(line, &route, &command).map_or_else(|ruled| ruled, |_| Ruled::Allowed)
                }
                Err(doubt) => Ruled::Unknown(doubt),
            },
        }
    }

    /// The route of the new policy that decides on what this one decided on.
    fn route(&mut self, name: &Arc<str>) -> Option<Arc<Route>> {
        if let Some(known) = self.routes.get(name) {
            return known.clone();
        }
        let called = |policy: &PolicySnapshot| {
            policy.routes.iter().find(|route| route.name.as_str() == &**name).cloned()
        };
        let found = match self.was.and_then(called) {
            None => called(self.policy),
            Some(then) => then.methods.first().zip(then.paths.first()).and_then(|(method, path)| {
                // A parameter stands for any segment, this one too.
                let path = path.replace(['{', '}'], "");
                match self.policy.find(method, &path, &http::HeaderMap::new()) {
                    Found::Route { route, .. } => Some(Arc::clone(route)),
                    _ => None,
                }
            }),
        };
        self.routes.insert(Arc::clone(name), found.clone());
        found
    }

    fn purpose(&self, line: &Decision) -> Result<Arc<PurposeRules>, Doubt> {
        let name = line.purpose.as_ref().ok_or(Doubt::Incomplete)?;
        self.policy.purposes.get(name).cloned().ok_or(Doubt::Purpose)
    }

    fn without_caller(&mut self, line: &Decision, route: &Route) -> Ruled {
        let Some(command) = limit::without_caller(&self.policy.identity, line.client.address) else {
            return refused(&Denial::Unauthorized, route, None);
        };
        if let Some(doubt) = self.prepare(line, &command.takes) {
            return Ruled::Unknown(doubt);
        }
        let denial = limit::unauthorized(admit::admit(&mut self.state, &command, line.time), line.time);
        let tally = Tally::about(&[]);
        self.sure(line, &command.takes, &tally, false, refused(&denial, route, None))
    }

    fn within_limits(&mut self, line: &Decision, route: &Route) -> Ruled {
        let caller = line.subject.clone().map(|subject| Caller::new(subject, Default::default()));
        if limit::needs_caller(route) && caller.is_none() {
            return Ruled::Unknown(Doubt::Incomplete);
        }
        let command = limit::before(route, caller.as_ref(), line.client.address);
        self.admitted(line, route, &command).map_or_else(|ruled| ruled, |_| Ruled::Allowed)
    }

    fn note(&mut self, line: &Decision, ruled: &Ruled) {
        let change = change(line, ruled);
        #[cfg(test)]
        {
            self.last = Some(change);
        }
        let report = &mut self.report;
        report.first = Some(report.first.map_or(line.time, |first| first.min(line.time)));
        report.last = Some(report.last.map_or(line.time, |last| last.max(line.time)));
        report.all.add(change);
        report.routes.entry(Arc::clone(&line.route)).or_default().add(change);
        report.hours.entry(line.time.as_millis() / 3_600_000).or_default().add(change);
        *report.policies.entry(Arc::clone(&line.policy)).or_default() += 1;
        if let Some((None, Some(_))) = line.lock {
            report.locks_then += 1;
        }
        match change {
            Change::Same => {}
            Change::Unknown(doubt) => *report.doubts.entry(doubt).or_default() += 1,
            Change::Refused | Change::Allowed | Change::Otherwise => {
                let then = match line.outcome {
                    Outcome::Allowed => Arc::from("allowed"),
                    _ => called(line.reason, line.rule.as_ref()),
                };
                let now = match ruled {
                    Ruled::Refused { reason, rule } => called(*reason, rule.as_ref()),
                    _ => Arc::from("allowed"),
                };
                *report.changes.entry((then, now)).or_default() += 1;
                if let Some(subject) = &line.subject {
                    report.subjects.entry(subject.clone()).or_default().add(change);
                }
            }
        }
    }

    /// Counts a lock that began in the new policy.
    pub(super) fn locked(&mut self, line: &Decision, lock: Option<Lock>) {
        if lock.is_some() && (self.from..self.to).contains(&line.time) {
            self.report.locks_now += 1;
        }
    }

    fn sweep_if_due(&mut self, now: Timestamp) {
        if self.lines_until_sweep > 0 {
            self.lines_until_sweep -= 1;
            return;
        }
        self.state.sweep(now);
        self.accounts.sweep(now);
        self.notes.retain(|_, note| note.until > now);
        self.awaited.retain(|_, awaited| awaited.at.plus(LATEST) > now);
        self.holdings.retain(|_, holding| holding.at.plus(LATEST) > now);
        let longest = self.policy.limits.values().map(|limit| limit.per).max().unwrap_or_default();
        self.limits.sweep(self.begin().plus(longest) <= now, longest, now);
        self.shadows.retain(|_, at| at.plus(REMEMBERED_BEYOND_CODE * 2) > now);
        self.lines_until_sweep = self.held().max(SWEEP_AFTER_AT_LEAST);
    }
}

fn needs_caller(route: &Route) -> bool {
    !matches!(route.action, Action::Limit) || limit::needs_caller(route)
}

/// What the line says of its request.
fn facts(line: &Decision) -> Option<Facts> {
    let caller = Caller::new(line.subject.clone()?, Default::default());
    Some(Facts { caller, client: line.client.address, body: None, query: Vec::new() })
}
