//! A route that has limits and nothing else.

use std::net::IpAddr;

use super::caller::Caller;
use super::facts::take;
use super::snapshot::Route;
use crate::domain::admit::AdmitCommand;

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
