//! Who is calling, as a verified token says.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use crate::domain::subject::Subject;

/// Our name of the claim that identifies the caller.
pub const SUBJECT: &str = "subject";

/// The largest integer that every JSON reader takes for the same number (RFC 8259, section 6).
const LARGEST_INTEGER: u64 = (1 << 53) - 1;

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

    /// The caller of a token whose payload is this. `names` gives our name of each claim its name in the token.
    /// `None` when the subject is missing, or a claim is of a type that is not taken.
    pub fn from_claims(names: &BTreeMap<String, String>, payload: &Map<String, Value>) -> Option<Self> {
        let subject = payload.get(names.get(SUBJECT)?).and_then(subject_text)?;
        let subject = Subject::parse(&subject).ok()?;
        let mut claims = BTreeMap::new();
        for (ours, theirs) in names {
            match payload.get(theirs) {
                None | Some(Value::Null) => {}
                Some(value) => {
                    claims.insert(ours.clone(), scalar_text(value)?);
                }
            }
        }
        Some(Self::new(subject, claims))
    }

    /// The value of a claim by the name that `identity.jwt.claims` gives it. `None` if the token
    /// did not have it.
    pub fn claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name).map(String::as_str)
    }
}

/// A subject is a string, or an integer that every reader takes for the same one. A fraction, a
/// boolean or a list is nobody.
fn subject_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => {
            let magnitude = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs))?;
            (magnitude <= LARGEST_INTEGER).then(|| number.to_string())
        }
        _ => None,
    }
}

fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
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
