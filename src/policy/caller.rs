//! Who is calling, as a verified token says.

use std::collections::BTreeMap;
use std::fmt;

use crate::domain::subject::Subject;

/// An authenticated caller. Made from a token only after its signature and its times were checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Caller {
    /// Whose limits, locks and codes a request is about.
    pub subject: Subject,
    claims: BTreeMap<String, String>,
}

impl Caller {
    /// A caller with the claims that the policy names: our name of a claim → its value as text.
    pub fn new(subject: Subject, claims: BTreeMap<String, String>) -> Self {
        Self { subject, claims }
    }

    /// The value of a claim by the name that `identity.jwt.claims` gives it. `None` if the token
    /// did not have it.
    pub fn claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name).map(String::as_str)
    }
}

/// Shows which claims there are, never what they say.
impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("claims", &self.claims.keys().collect::<Vec<_>>()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_names_claims_but_shows_no_value() {
        let claims = BTreeMap::from([("email".to_owned(), "jane@example.com".to_owned())]);
        let caller = Caller::new(Subject::parse("65f1c0ffee").unwrap(), claims);
        assert_eq!(caller.claim("email"), Some("jane@example.com"));
        assert_eq!(caller.claim("phone"), None);
        let shown = format!("{caller:?}");
        assert!(shown.contains("email") && !shown.contains("jane") && !shown.contains("65f1"), "{shown}");
    }
}
