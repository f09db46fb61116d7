//! What is known about one intercepted request from its head.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use http::{HeaderValue, Request, header};

use super::Parts;
use super::handle::InForce;
use super::known::Known;
use crate::domain::id::RequestId;
use crate::domain::subject::Subject;
use crate::identity::client_addr::client_ip;
use crate::policy::snapshot::Route;
use crate::telemetry::span::Trace;

/// One intercepted request.
pub struct Context {
    /// Its id, and the id of the decision on it.
    pub request: RequestId,
    /// The policy that it sees.
    pub in_force: Arc<InForce>,
    /// The route that decides on it.
    pub route: Arc<Route>,
    /// Who opened the connection.
    pub peer: IpAddr,
    /// The client, as far as trusted proxies tell.
    pub client: IpAddr,
    /// Its `Origin`, for the answer's CORS headers.
    pub origin: Option<HeaderValue>,
    /// Its trace.
    pub trace: Trace,
    /// The ids of its trace and of its span, as log lines show them.
    pub trace_ids: (Option<String>, Option<String>),
    /// The caller, once known.
    pub subject: OnceLock<Subject>,
    /// What its audit line will say.
    pub known: Known,
}

impl Context {
    /// Reads the head.
    pub(super) fn new<B>(
        parts: &Parts,
        in_force: &Arc<InForce>,
        route: &Arc<Route>,
        request: &Request<B>,
        peer: IpAddr,
        trace: &Trace,
    ) -> Self {
        let headers = request.headers();
        let trace = trace.clone().or_read(headers);
        let id = RequestId::mint(parts.entropy.as_ref());
        if trace.is_recorded() {
            trace.note("otp_sidecar.route", route.name.as_str().to_owned());
            trace.note("otp_sidecar.decision_id", id.as_str().to_owned());
        }
        Self {
            request: id,
            in_force: Arc::clone(in_force),
            route: Arc::clone(route),
            peer,
            client: client_ip(peer, headers, &in_force.snapshot.identity.trusted_proxies),
            origin: headers.get(header::ORIGIN).cloned(),
            trace_ids: trace.ids(),
            trace,
            subject: OnceLock::new(),
            known: Known::default(),
        }
    }

    /// The path of the route that this spelling of the policy is one of, with its parameters unfilled.
    pub fn template(&self, spelling: &str) -> &str {
        template_of(&self.route.paths, spelling)
    }
}

fn template_of<'a>(paths: &'a [String], spelling: &str) -> &'a str {
    let is_filled = |template: &&String| {
        let fits = |(name, segment): (&str, &str)| name == segment || name.starts_with('{');
        template.split('/').count() == spelling.split('/').count()
            && template.split('/').zip(spelling.split('/')).all(fits)
    };
    paths.iter().find(is_filled).map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::template_of;

    #[test]
    fn the_template_of_a_spelling_is_the_path_that_it_fills() {
        let paths = ["/a/{id}/b", "/a/{id}", "/a", "/x/{one}/{two}"].map(str::to_owned);
        for (spelling, template) in [
            ("/a", "/a"),
            ("/a/7", "/a/{id}"),
            ("/a/7/b", "/a/{id}/b"),
            ("/x/y/jane@example.com", "/x/{one}/{two}"),
            ("/a/7/c", ""),
            ("/a/7/b/c", ""),
            ("/", ""),
        ] {
            assert_eq!(template_of(&paths, spelling), template, "{spelling}");
        }
    }
}
