//! What an intercepted request may look like before anything is decided on it: its head, its query and its body.

use http::{HeaderMap, Method, header};

use super::body::form::{Pairs, parse_query};
use super::body::names::field_conflicts;
use super::body::{BodyRefusal, JudgedBody};
use super::decision::Denial;
use super::snapshot::Route;

/// Checks the head.
///
/// # Errors
/// When it could be read in two ways.
pub fn head(headers: &HeaderMap) -> Result<(), Denial> {
    if headers.get_all(header::AUTHORIZATION).iter().count() > 1 {
        return Err(Denial::InvalidRequest("send exactly one Authorization header".to_owned()));
    }
    if headers.contains_key(header::UPGRADE) {
        return Err(Denial::InvalidRequest("this path cannot be upgraded".to_owned()));
    }
    Ok(())
}

/// Reads the query.
///
/// # Errors
/// When two readers could read it in two ways.
pub fn query(text: &str) -> Result<Pairs, Denial> {
    parse_query(text).map_err(Denial::InvalidRequest)
}

/// Whether a request with this method has a body that is read.
pub fn takes_body(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD)
}

/// The refusal of a body that came with a method that takes none.
pub fn no_body(method: &Method) -> Denial {
    Denial::InvalidRequest(format!("{method} takes no body here"))
}

/// Reads a body that has arrived whole.
///
/// # Errors
/// When it is of another kind, or two readers could read it in two ways.
pub fn body(headers: &HeaderMap, bytes: &[u8]) -> Result<JudgedBody, Denial> {
    JudgedBody::parse(headers, bytes).map_err(|refusal| match refusal {
        BodyRefusal::UnsupportedMediaType(detail) => Denial::UnsupportedMediaType(detail),
        BodyRefusal::Invalid(detail) => Denial::InvalidRequest(detail),
    })
}

/// Checks that no field that the route selects is there in another spelling.
///
/// # Errors
/// When one is: one reader may take it and another not.
pub fn spellings(route: &Route, body: Option<&JudgedBody>, query: &Pairs) -> Result<(), Denial> {
    match field_conflicts(body, query, &route.selected) {
        Some(conflict) => Err(Denial::InvalidRequest(conflict)),
        None => Ok(()),
    }
}

/// Checks a request with another method than the route's own, and reads its query.
///
/// # Errors
/// When it could be read in two ways.
pub fn other_method(headers: &HeaderMap, text: &str) -> Result<Pairs, Denial> {
    head(headers)?;
    let query = query(text)?;
    match field_conflicts(None, &query, &[]) {
        Some(conflict) => Err(Denial::InvalidRequest(conflict)),
        None => Ok(query),
    }
}

/// Checks a CORS preflight.
///
/// # Errors
/// When it is more than a question.
pub fn preflight(headers: &HeaderMap, has_body: bool) -> Result<(), Denial> {
    if has_body || headers.contains_key(header::UPGRADE) {
        return Err(Denial::InvalidRequest("a preflight has no body and upgrades nothing".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;
    use crate::policy::tests::world::{facts, route, snapshot};

    fn headers(named: &[(&'static str, &'static str)]) -> HeaderMap {
        let header = |(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        named.iter().copied().map(header).collect()
    }

    #[test]
    fn a_head_has_one_token_at_most_and_upgrades_nothing() {
        let bearer = ("authorization", "Bearer a");
        for (named, is_fine) in [
            (vec![], true),
            (vec![bearer], true),
            (vec![bearer, ("authorization", "Bearer b")], false),
            (vec![bearer, ("authorization", "Bearer b"), ("authorization", "Bearer c")], false),
            (vec![("upgrade", "websocket")], false),
        ] {
            assert_eq!(head(&headers(&named)).is_ok(), is_fine, "{named:?}");
        }
    }

    #[test]
    fn a_request_with_another_method_is_judged_by_head_and_query() {
        let read = |named: &[(&'static str, &'static str)], text: &str| {
            let pairs = other_method(&headers(named), text).ok()?;
            Some(pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>())
        };
        assert_eq!(read(&[], "a=1&b=2"), Some(vec!["a=1".to_owned(), "b=2".to_owned()]));
        assert_eq!(read(&[("upgrade", "websocket")], "a=1"), None);
        assert_eq!(read(&[], "__proto__=1"), None);
    }

    #[test]
    fn a_selected_field_in_another_spelling_is_refused() {
        let snapshot = snapshot();
        let fine = |text: &str, at: &str| {
            let asked = facts(text, at);
            spellings(route(&snapshot, "verify"), asked.body.as_ref(), &asked.query).is_ok()
        };
        assert!(fine(r#"{"otp":"1","transaction_reference":"FUND-1"}"#, ""));
        assert!(!fine(r#"{"otp":"1","OTP":"2","transaction_reference":"FUND-1"}"#, ""));
        assert!(!fine(r#"{"otp":"1","transaction_reference":"FUND-1"}"#, "otp=2"));
    }

    #[test]
    fn a_preflight_is_a_question_and_nothing_more() {
        let upgrade = headers(&[("upgrade", "websocket")]);
        for (named, has_body, is_fine) in [
            (&HeaderMap::new(), false, true),
            (&HeaderMap::new(), true, false),
            (&upgrade, false, false),
            (&upgrade, true, false),
        ] {
            assert_eq!(preflight(named, has_body).is_ok(), is_fine, "{named:?}, {has_body}");
        }
    }
}
