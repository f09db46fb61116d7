//! Which route, if any, decides on a request.

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderMap, Method, header};

use super::decision::{Admission, Denial};
use super::route::PathMatch;
use super::snapshot::{OtherMethods, PolicySnapshot, Route};

/// What a request's method and path name.
#[derive(Debug)]
pub enum Found<'a> {
    /// No route names it: it passes.
    Unguarded(Admission),
    /// This route decides.
    Route {
        /// The route.
        route: &'a Arc<Route>,
        /// The path as the upstream gets it: the policy's own spelling.
        spelling: Cow<'a, str>,
    },
    /// The path is a route's, the method is none of its own, and the policy lets such methods through.
    OtherMethod {
        /// The right to forward it.
        admission: Admission,
        /// The path as the upstream gets it: the policy's own spelling.
        spelling: Cow<'a, str>,
    },
    /// A CORS preflight for a route's path. The backend answers those, but nothing of the request except
    /// what makes it a preflight may reach a handler that looks at no method.
    Preflight {
        /// The right to forward it.
        admission: Admission,
        /// The path as the upstream gets it: the policy's own spelling.
        spelling: Cow<'a, str>,
    },
    /// The path is a route's, and the request is refused for its head alone.
    Refused {
        /// The route whose path it is, if that can be told.
        route: Option<&'a Arc<Route>>,
        /// Why.
        denial: Denial,
    },
}

impl PolicySnapshot {
    /// Finds the route. A path that only might be a protected one is refused, whatever the method.
    pub fn find<'a>(&'a self, method: &Method, path: &str, headers: &HeaderMap) -> Found<'a> {
        let (routes, spelling) = match self.index.find(path) {
            PathMatch::Unguarded => return Found::Unguarded(Admission::grant()),
            PathMatch::Improper { routes } => return self.refuse(routes, Denial::AmbiguousPath),
            PathMatch::Proper { routes, spelling } => (routes, spelling),
        };
        let asked = if method == Method::HEAD { &Method::GET } else { method };
        let named = || routes.iter().filter_map(|index| self.routes.get(*index));
        if let Some(route) = named().find(|route| route.methods.contains(asked)) {
            return Found::Route { route, spelling };
        }
        if is_preflight(method, headers) {
            return Found::Preflight { admission: Admission::grant(), spelling };
        }
        let forwards = named().all(|route| route.other_methods == OtherMethods::Forward);
        if forwards && is_standard(method) {
            return Found::OtherMethod { admission: Admission::grant(), spelling };
        }
        let mut allowed: Vec<Method> = named().flat_map(|route| route.methods.iter().cloned()).collect();
        if allowed.contains(&Method::GET) {
            allowed.push(Method::HEAD);
        }
        allowed.push(Method::OPTIONS);
        self.refuse(routes, Denial::MethodNotAllowed(allowed))
    }

    fn refuse(&self, routes: &[usize], denial: Denial) -> Found<'_> {
        Found::Refused { route: routes.first().and_then(|index| self.routes.get(*index)), denial }
    }
}

/// Some frameworks put methods into upper case, so that `post` is POST there. Only methods that every
/// reader takes for what they are can be told from the route's own.
fn is_standard(method: &Method) -> bool {
    use Method as M;
    [M::GET, M::HEAD, M::POST, M::PUT, M::PATCH, M::DELETE, M::OPTIONS].contains(method)
}

/// A preflight (Fetch standard, CORS protocol).
fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}
