//! A route that has limits and nothing else; and the limits of those who show no valid token.

use std::net::IpAddr;

use super::caller::Caller;
use super::decision::Denial;
use super::facts::take;
use super::snapshot::{IdentityRules, Route};
use crate::domain::admit::{AdmitCommand, AdmitOutcome};
use crate::domain::time::Timestamp;

/// Whether some limit counts by caller, so that a token is needed.
pub fn needs_caller(route: &Route) -> bool {
    route.limits.iter().any(|limit| limit.by.subject)
}

/// Asks for room in every limit.
pub fn before(route: &Route, caller: Option<&Caller>, client: IpAddr) -> AdmitCommand {
    let subject = caller.map(|caller| &caller.subject);
    let takes = route.limits.iter().map(|limit| take(limit, subject, None, client)).collect();
    AdmitCommand { standpoint: None, takes }
}

/// Asks for room in the limits of bad tokens. `None` when there are none.
pub fn without_caller(identity: &IdentityRules, client: IpAddr) -> Option<AdmitCommand> {
    let takes: Vec<_> = identity.limits.iter().map(|limit| take(limit, None, None, client)).collect();
    (!takes.is_empty()).then_some(AdmitCommand { standpoint: None, takes })
}

/// Reads the answer to [`without_caller`]: a flood of bad tokens turns into 429.
pub fn unauthorized(outcome: AdmitOutcome, at: Timestamp) -> Denial {
    match outcome {
        AdmitOutcome::Admitted(_) => Denial::Unauthorized,
        AdmitOutcome::Refused(refusal) => Denial::refused(refusal, at),
    }
}
