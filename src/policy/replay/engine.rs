//! One line after the other, on the state of the new policy.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::account::{Accounts, Whose};
use super::line::{Decision, Entry, Outcome, Settled};
use super::{Change, Doubt, Report};
use crate::domain::admit::{self, AdmitCommand, Standing};
use crate::domain::binding::Binding;
use crate::domain::code::Entropy;
use crate::domain::id::{LimitName, Purpose, Reference, RequestId};
use crate::domain::issue::{Expected, IssueCommand, IssueOutcome, issue as store};
use crate::domain::keyring::{Digest, KeyId};
use crate::domain::lockout::Lock;
use crate::domain::reason::Reason;
use crate::domain::state::State;
use crate::domain::subject::Subject;
use crate::domain::tally::Tally;
use crate::domain::time::Timestamp;
use crate::domain::verify::{SettleCommand, Settlement, settle};
use crate::domain::window::{Owner, Take};
use crate::policy::caller::Caller;
use crate::policy::decision::Denial;
use crate::policy::facts::Facts;
use crate::policy::find::Found;
use crate::policy::snapshot::{Action, PolicySnapshot, PurposeRules, Route};
use crate::policy::{issue, limit, status};

/// The fewest lines between two sweeps of the state.
const SWEEP_AFTER_AT_LEAST: usize = 16_384;
/// How long a line about a code may come after its decision: longer than a wallet may take.
const LATEST: Duration = Duration::from_secs(10 * 60);

/// What the new policy says to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ruled {
    /// It is let through, or answered.
    Allowed,
    /// It is refused.
    Refused {
        /// Why.
        reason: Reason,
        /// By which rule.
        rule: Option<Arc<str>>,
    },
    /// It cannot be said.
    Unknown(Doubt),
}

/// What is known of a challenge beside the state.
#[derive(Debug, Clone)]
pub(super) struct Note {
    /// How long its newest code lived then, in seconds. Zero: the log did not say.
    pub lived: u64,
    /// When its newest codes were sent then.
    pub sent: Vec<Timestamp>,
    /// Whether one of its codes would not have been sent.
    pub withheld: bool,
    until: Timestamp,
}

/// A request that was let through and whose code is awaited.
#[derive(Debug, Clone)]
struct Awaited {
    whose: Option<Whose>,
    admitted: bool,
    /// Whether the decision already made the code, as `send` does.
    is_made: bool,
    at: Timestamp,
}

/// A reservation that is not settled yet.
#[derive(Debug, Clone)]
pub(super) struct Holding {
    pub subject: Subject,
    pub reference: Reference,
    pub at: Timestamp,
}

/// A replay under way.
pub struct Replay<'a> {
    pub(super) policy: &'a PolicySnapshot,
    was: Option<&'a PolicySnapshot>,
    from: Timestamp,
    to: Timestamp,
    pub(super) state: State,
    pub(super) accounts: Accounts,
    pub(super) notes: HashMap<(Subject, Reference), Note>,
    pub(super) holdings: HashMap<RequestId, Holding>,
    routes: HashMap<Arc<str>, Option<Arc<Route>>>,
    awaited: HashMap<RequestId, Awaited>,
    /// Buckets of which was learnt how much they held before the log.
    learnt: HashSet<(LimitName, Owner)>,
    /// Those of them that held something.
    cut: HashSet<(LimitName, Owner)>,
    begin: Option<Timestamp>,
    lines_until_sweep: usize,
    report: Report,
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
            learnt: HashSet::new(),
            cut: HashSet::new(),
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
        self.sure(line, &command.takes, refused(&denial, route, None))
    }

    fn within_limits(&mut self, line: &Decision, route: &Route) -> Ruled {
        let caller = line.subject.clone().map(|subject| Caller::new(subject, Default::default()));
        if limit::needs_caller(route) && caller.is_none() {
            return Ruled::Unknown(Doubt::Incomplete);
        }
        let command = limit::before(route, caller.as_ref(), line.client.address);
        self.admitted(line, route, &command).map_or_else(|ruled| ruled, |_| Ruled::Allowed)
    }

    fn issue(&mut self, line: &Decision, route: &Route, purpose: &PurposeRules, facts: &Facts) -> Ruled {
        if line.purpose.as_ref().is_some_and(|name| *name != purpose.name) {
            return Ruled::Unknown(Doubt::Purpose);
        }
        let command = issue::before(route, purpose, facts);
        match self.admitted(line, route, &command) {
            Ok(_) => Ruled::Allowed,
            Err(ruled) => ruled,
        }
    }

    fn send(&mut self, line: &Decision, route: &Route, purpose: &PurposeRules, facts: &Facts) -> Ruled {
        let ruled = self.resend(line, route, purpose, facts);
        if line.outcome == Outcome::Allowed
            && let Some(reference) = &line.reference
        {
            let whose = (facts.subject().clone(), purpose.name.clone());
            self.remember(&whose, reference, 0, ruled != Ruled::Allowed, line.time);
        }
        ruled
    }

    fn resend(&mut self, line: &Decision, route: &Route, purpose: &PurposeRules, facts: &Facts) -> Ruled {
        let command = issue::before(route, purpose, facts);
        let standing = match self.admitted(line, route, &command) {
            Ok(standing) => standing,
            Err(ruled) => return ruled,
        };
        let resent = issue::resend(standing.pending, &Echo(&line.request));
        let (reference, expected, binding) = match resent {
            Ok(resent) => resent,
            Err(denial) => return refused(&denial, route, Some(&purpose.name)),
        };
        let (reference, expected) = match &line.reference {
            // Then another one was pending: from before the log, or one whose code would not have been sent.
            Some(told) if *told != reference => (told.clone(), Expected::Anything),
            _ => (reference, expected),
        };
        let command = issue_command(facts.subject(), purpose, reference, expected, binding, purpose.cooldown);
        match store(&mut self.state, &command, line.time) {
            IssueOutcome::Issued { .. } => Ruled::Allowed,
            IssueOutcome::TooSoon { retry_at } => {
                refused(&issue::too_soon(retry_at, line.time), route, Some(&purpose.name))
            }
            IssueOutcome::Spent => {
                refused(&issue::not_made(Reason::ReferenceSpent), route, Some(&purpose.name))
            }
            IssueOutcome::Stale => Ruled::Unknown(Doubt::Follows),
        }
    }

    /// Asks the new policy for room and for locks.
    ///
    /// # Errors
    /// With what it says instead.
    fn admitted(
        &mut self,
        line: &Decision,
        route: &Route,
        command: &AdmitCommand,
    ) -> Result<Standing, Ruled> {
        if let Some(doubt) = self.prepare(line, &command.takes) {
            return Err(Ruled::Unknown(doubt));
        }
        let (outcome, tally) = admit::decide(&mut self.state, command, line.time);
        let purpose = command.standpoint.as_ref().map(|at| &at.purpose);
        let refuses = command.standpoint.as_ref().is_some_and(|at| at.refuse_locked);
        let ruled = match issue::admitted(outcome, line.time) {
            Ok((_, standing)) => Ok(standing),
            Err(denial) => Err(refused(&denial, route, purpose)),
        };
        let shown = ruled.as_ref().map_or_else(Clone::clone, |_| Ruled::Allowed);
        let sure = self.sure(line, &command.takes, shown);
        let sure = if refuses { self.unless_guessed(line, &tally, sure) } else { sure };
        match (ruled, sure) {
            (Ok(standing), Ruled::Allowed) => Ok(standing),
            (_, other) => Err(other),
        }
    }

    /// Before the new policy counts: whether its limits can be counted, and what they held before the log.
    pub(super) fn prepare(&mut self, line: &Decision, takes: &[Take]) -> Option<Doubt> {
        if line.client.is_network && takes.iter().any(|take| take.owner.client.is_some()) {
            return Some(Doubt::Network);
        }
        let begin = self.begin.unwrap_or(line.time);
        for take in takes.iter().filter(|take| begin.plus(take.per) > line.time) {
            let told = line.counted.iter().find(|(name, _)| *name == take.limit);
            let Some((_, Some(before))) = told else { continue };
            let key = (take.limit.clone(), take.owner.clone());
            if self.learnt.insert(key.clone()) && *before > 0 {
                self.cut.insert(key);
                // They were before this line, and their times are not known: the latest possible.
                self.state.count_earlier(take, *before, begin);
            }
        }
        None
    }

    /// What a limit says while its window reaches back to before the log may be wrong.
    pub(super) fn sure(&self, line: &Decision, takes: &[Take], ruled: Ruled) -> Ruled {
        let rule = match &ruled {
            Ruled::Refused { rule, .. } if change(line, &ruled) != Change::Same => rule.as_ref(),
            Ruled::Allowed if line.outcome == Outcome::Refused => line.rule.as_ref(),
            _ => None,
        };
        let name = rule.and_then(|rule| rule.strip_prefix("limits."));
        let is_cut = |take: &&Take| {
            name == Some(take.limit.as_str())
                && self.begin().plus(take.per) > line.time
                && self.cut.contains(&(take.limit.clone(), take.owner.clone()))
        };
        if takes.iter().any(|take| is_cut(&take)) { Ruled::Unknown(Doubt::BeforeLog) } else { ruled }
    }

    /// What depends on failures is not known while one of them may or may not have been one.
    pub(super) fn unless_guessed(&self, line: &Decision, tally: &Tally, ruled: Ruled) -> Ruled {
        let (Some(account), Some(subject)) = (&tally.account, &line.subject) else { return ruled };
        let whose = (subject.clone(), account.purpose.clone());
        let guesses = self.accounts.guesses(&whose, line.time);
        let is_limited = matches!(ruled, Ruled::Refused { reason: Reason::RateLimited, .. });
        if guesses == 0 || is_limited {
            return ruled;
        }
        let after = self.policy.purposes.get(&whose.1).map_or(1, |rules| rules.lockout.after);
        let may_lock = account.failures.before.saturating_add(guesses) >= after;
        if may_lock || account.lock.before.is_some() { Ruled::Unknown(Doubt::Follows) } else { ruled }
    }

    fn issued(&mut self, time: Timestamp, request: &RequestId, reference: &Reference, lived: u64) {
        let Some(awaited) = self.awaited.remove(request) else {
            return;
        };
        let Some(whose) = awaited.whose else { return };
        if awaited.is_made {
            if let Some(note) = self.notes.get_mut(&(whose.0, reference.clone())) {
                note.lived = lived;
            }
            return;
        }
        // The line is written by this host's clock, the decision by the store's.
        let at = time.max(awaited.at).min(awaited.at.plus(LATEST));
        if awaited.admitted
            && let Some(purpose) = self.policy.purposes.get(&whose.1).cloned()
        {
            let command = issue_command(
                &whose.0,
                &purpose,
                reference.clone(),
                Expected::Anything,
                Binding::default(),
                Duration::ZERO,
            );
            store(&mut self.state, &command, at);
        }
        self.remember(&whose, reference, lived, !awaited.admitted, at);
    }

    /// Notes a code that was sent then.
    pub(super) fn remember(
        &mut self,
        whose: &Whose,
        reference: &Reference,
        lived: u64,
        withheld: bool,
        at: Timestamp,
    ) {
        let key = (whose.0.clone(), reference.clone());
        let until = at.plus(crate::domain::challenge::REMEMBERED_BEYOND_CODE * 2);
        let new = Note { lived, sent: Vec::new(), withheld: false, until };
        let note = self.notes.entry(key).or_insert(new);
        if lived > 0 {
            note.lived = lived;
        }
        note.sent.push(at);
        // A policy has at most so many valid codes.
        let surplus = note.sent.len().saturating_sub(usize::from(u8::MAX));
        note.sent.drain(..surplus);
        note.withheld |= withheld;
        note.until = until;
    }

    fn settled(&mut self, request: &RequestId, how: Settled, time: Timestamp) {
        let Some(holding) = self.holdings.remove(request) else { return };
        let settlement = match how {
            Settled::Committed => Settlement::Commit,
            Settled::Released => Settlement::Release,
            Settled::Open => return,
        };
        let Holding { subject, reference, at } = holding;
        let command = SettleCommand { subject, reference, request: request.clone(), settlement };
        settle(&mut self.state, &command, time.max(at));
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

    /// How many codes of a challenge may have been accepted then, and how many would be now.
    pub(super) fn acceptable(&self, whose: &Whose, reference: &Reference, now: Timestamp) -> (usize, usize) {
        let held = self.state.challenge(&whose.0, reference, now);
        let held = held.map_or(0, |held| held.codes.iter().filter(|code| code.expires_at > now).count());
        let rules = self.policy.purposes.get(&whose.1);
        let live =
            self.was.and_then(|was| was.purposes.get(&whose.1)).or(rules).map_or(1, |rules| rules.live);
        let Some(note) = self.notes.get(&(whose.0.clone(), reference.clone())) else { return (held, held) };
        let lived = match note.lived {
            0 => rules.map_or(Duration::ZERO, |rules| rules.ttl),
            seconds => Duration::from_secs(seconds),
        };
        let then = note.sent.iter().filter(|sent| sent.plus(lived) > now).count();
        (then.min(usize::from(live)), held)
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
        if self.begin.is_some_and(|begin| begin.plus(longest) <= now) {
            self.learnt = HashSet::new();
            self.cut = HashSet::new();
        }
        self.lines_until_sweep = self.held().max(SWEEP_AFTER_AT_LEAST);
    }
}

/// How a decision compares with what the log tells.
fn change(line: &Decision, ruled: &Ruled) -> Change {
    match (line.outcome, ruled) {
        (_, Ruled::Unknown(doubt)) => Change::Unknown(*doubt),
        (Outcome::Allowed, Ruled::Allowed) => Change::Same,
        (Outcome::Allowed, Ruled::Refused { .. }) => Change::Refused,
        (_, Ruled::Allowed) => Change::Allowed,
        (_, Ruled::Refused { reason, rule }) => {
            // A wrong code is one, whether it set a lock or not.
            let is_same = *reason == line.reason && (*reason == Reason::Invalid || *rule == line.rule);
            if is_same { Change::Same } else { Change::Otherwise }
        }
    }
}

fn called(reason: Reason, rule: Option<&Arc<str>>) -> Arc<str> {
    match rule {
        Some(rule) if reason != Reason::Invalid => Arc::clone(rule),
        _ => Arc::from(reason.as_str()),
    }
}

pub(super) fn refused(denial: &Denial, route: &Route, purpose: Option<&Purpose>) -> Ruled {
    Ruled::Refused { reason: denial.reason(), rule: denial.rule(route, purpose).map(Arc::from) }
}

fn needs_caller(route: &Route) -> bool {
    !matches!(route.action, Action::Limit) || limit::needs_caller(route)
}

/// What the line says of its request.
fn facts(line: &Decision) -> Option<Facts> {
    let caller = Caller::new(line.subject.clone()?, Default::default());
    Some(Facts { caller, client: line.client.address, body: None, query: Vec::new() })
}

/// What stands for the codes of all challenges, and for one that is wrong: which of several codes was presented the log
/// does not tell.
pub(super) fn digest(right: bool) -> Digest {
    let kid = KeyId::parse("replay").expect("it is a name for a key");
    Digest { kid, mac: [u8::from(right); 32] }
}

pub(super) fn issue_command(
    subject: &Subject,
    purpose: &PurposeRules,
    reference: Reference,
    expected: Expected,
    binding: Binding,
    cooldown: Duration,
) -> IssueCommand {
    IssueCommand {
        subject: subject.clone(),
        purpose: purpose.name.clone(),
        reference,
        expected,
        binding,
        digest: digest(true),
        ttl: purpose.ttl,
        live: purpose.live,
        cooldown,
    }
}

/// Where a new reference would come from: the request, which has one id.
struct Echo<'a>(&'a RequestId);

impl Entropy for Echo<'_> {
    fn fill(&self, buffer: &mut [u8]) {
        for (byte, digit) in buffer.iter_mut().zip(self.0.as_str().bytes().cycle().step_by(2)) {
            *byte = digit;
        }
    }
}
