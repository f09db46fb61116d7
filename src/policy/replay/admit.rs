//! Limits and locks: what the new policy says, and whether that can be known.

use super::engine::Replay;
use super::known::{Ruled, change, refused};
use super::line::{Decision, Outcome};
use super::{Change, Doubt};
use crate::domain::admit::{self, AdmitCommand, Standing};
use crate::domain::reason::Reason;
use crate::domain::tally::Tally;
use crate::domain::window::Take;
use crate::policy::issue;
use crate::policy::snapshot::Route;

impl Replay<'_> {
    /// Asks the new policy for room and for locks.
    ///
    /// # Errors
    /// With what it says instead.
    pub(super) fn admitted(
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
        let (ruled, standing) = match issue::admitted(outcome, line.time) {
            Ok((_, standing)) => (Ruled::Allowed, standing),
            Err(denial) => (refused(&denial, route, purpose), Standing::default()),
        };
        match self.sure(line, &command.takes, &tally, refuses, ruled) {
            Ruled::Allowed => Ok(standing),
            other => Err(other),
        }
    }

    /// Before the new policy counts: whether its limits can be counted, and what they held before the log.
    pub(super) fn prepare(&mut self, line: &Decision, takes: &[Take]) -> Option<Doubt> {
        if line.client.is_network && takes.iter().any(|take| take.owner.client.is_some()) {
            return Some(Doubt::Network);
        }
        self.limits.before(line, takes, self.begin(), self.was, &mut self.state);
        None
    }

    /// What the new policy says, unless that depends on what is not known.
    pub(super) fn sure(
        &mut self,
        line: &Decision,
        takes: &[Take],
        tally: &Tally,
        looks_at_lock: bool,
        ruled: Ruled,
    ) -> Ruled {
        let is_same = change(line, &ruled) == Change::Same;
        let rule = match &ruled {
            Ruled::Refused { rule, .. } if !is_same => rule.as_ref(),
            Ruled::Allowed if line.outcome == Outcome::Refused => line.rule.as_ref(),
            _ => None,
        };
        let is_limited = matches!(ruled, Ruled::Refused { reason: Reason::RateLimited, .. });
        let doubt = if self.limits.is_cut(takes, rule, self.begin(), line.time) {
            Some(Doubt::BeforeLog)
        } else if self.limits.is_blurred(takes, tally, is_limited, line.time)
            || (looks_at_lock && self.may_be_locked(line, tally))
        {
            Some(Doubt::Follows)
        } else {
            None
        };
        let Some(doubt) = doubt else { return ruled };
        self.limits.blur(takes, line.time);
        Ruled::Unknown(doubt)
    }

    /// Whether a lock hangs on codes of which nobody knows whether they were right.
    fn may_be_locked(&self, line: &Decision, tally: &Tally) -> bool {
        let (Some(account), Some(subject)) = (&tally.account, &line.subject) else { return false };
        let whose = (subject.clone(), account.purpose.clone());
        let guesses = self.accounts.guesses(&whose, line.time);
        let Some(rules) = self.policy.purposes.get(&whose.1).filter(|_| guesses > 0) else { return false };
        let consecutive = self.state.account(&whose.0, &whose.1, line.time).consecutive;
        account.lock.before.is_some()
            || account.failures.before.saturating_add(guesses) >= rules.lockout.after
            || consecutive.saturating_add(guesses) >= rules.lockout.disable_after
    }
}
