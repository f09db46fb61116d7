//! What one request says, as the selectors of its route see it.

use std::net::IpAddr;

use super::body::form::Pairs;
use super::body::{JudgedBody, Scalar};
use super::caller::Caller;
use super::decision::Denial;
use super::field::{Field, Source};
use super::snapshot::{LimitRule, RecipientRule};
use crate::domain::binding::Binding;
use crate::domain::id::Purpose;
use crate::domain::subject::{ClientAddr, Recipient, Subject};
use crate::domain::window::{Owner, Take};

/// The longest value that a code can be tied to, in bytes.
const LONGEST_BOUND: usize = 128;

/// A request on an intercepted route, after its token was checked and its body judged.
#[derive(Debug)]
pub struct Facts {
    /// Who is calling.
    pub caller: Caller,
    /// Where from.
    pub client: IpAddr,
    /// The judged body, on routes whose methods carry one.
    pub body: Option<JudgedBody>,
    /// The names and values of the query.
    pub query: Pairs,
}

impl Facts {
    /// The caller.
    pub fn subject(&self) -> &Subject {
        &self.caller.subject
    }

    /// The value that a selector means, if it is there and is a scalar.
    pub fn select(&self, field: &Field) -> Option<Scalar<'_>> {
        let name = field.path.first()?;
        match field.source {
            Source::Body => self.body.as_ref()?.get(&field.path),
            Source::Query => {
                self.query.iter().find(|(key, _)| key == name).map(|(_, value)| Scalar::Text(value))
            }
            Source::Claims => self.caller.claim(name).map(Scalar::Text),
            Source::Answer => None,
        }
    }

    /// The text of a field that the request must have.
    ///
    /// # Errors
    /// When it is missing or not a scalar.
    pub fn require(&self, field: &Field) -> Result<Scalar<'_>, Denial> {
        self.select(field)
            .ok_or_else(|| Denial::InvalidRequest(format!("`{}` is required", field.path.join("."))))
    }

    /// The purpose that the request names, if the policy knows it.
    ///
    /// # Errors
    /// When it is missing or unknown.
    pub fn purpose<'a, T>(
        &self,
        field: &Field,
        known: &'a std::collections::BTreeMap<Purpose, T>,
    ) -> Result<&'a T, Denial> {
        let named = self.require(field)?;
        let found = Purpose::parse(named.text()).ok().and_then(|purpose| known.get(&purpose));
        found.ok_or_else(|| {
            let names: Vec<&str> = known.keys().map(Purpose::as_str).collect();
            Denial::InvalidRequest(format!(
                "invalid `{}`: must be one of {}",
                field.path.join("."),
                names.join(", ")
            ))
        })
    }

    /// Where the code goes: always a claim, which the request may have to spell as well.
    ///
    /// # Errors
    /// When the token has no address, or the request names another one.
    pub fn recipient(&self, rule: &RecipientRule) -> Result<Recipient, Denial> {
        let named = rule.named_by.as_ref().map(|field| self.require(field)).transpose()?;
        let claimed = self.select(&rule.claim).and_then(|claim| Recipient::parse(claim.text()).ok());
        let Some(recipient) = claimed else {
            return Err(Denial::RecipientMismatch("your token carries no e-mail address".to_owned()));
        };
        match named {
            Some(named) if !recipient.is_spelled(named.text()) => Err(Denial::RecipientMismatch(
                "a code is sent only to the address of your account".to_owned(),
            )),
            _ => Ok(recipient),
        }
    }

    /// The values that a code is tied to.
    ///
    /// # Errors
    /// When one is missing.
    pub fn binding(&self, fields: &[(String, Field)]) -> Result<Binding, Denial> {
        let values = fields
            .iter()
            .map(|(name, field)| Ok((name.as_str(), self.bindable(field)?)))
            .collect::<Result<Vec<_>, Denial>>()?;
        Ok(Binding::of(values.iter().map(|(name, value)| (*name, value.text()))))
    }

    /// A value that may be remembered with a code and shown in its mail: short, and on one line.
    fn bindable(&self, field: &Field) -> Result<Scalar<'_>, Denial> {
        let value = self.require(field)?;
        if value.text().len() > LONGEST_BOUND || value.text().chars().any(char::is_control) {
            return Err(Denial::InvalidRequest(format!(
                "invalid `{}`: at most {LONGEST_BOUND} bytes on one line",
                field.path.join(".")
            )));
        }
        Ok(value)
    }

    /// Limits as they apply to this request.
    pub fn takes<'a>(
        &self,
        limits: impl IntoIterator<Item = &'a LimitRule>,
        purpose: Option<&Purpose>,
    ) -> Vec<Take> {
        let subject = Some(self.subject());
        limits.into_iter().map(|limit| take(limit, subject, purpose, self.client)).collect()
    }
}

/// One limit as it applies to a subject, a purpose and an address.
pub fn take(limit: &LimitRule, subject: Option<&Subject>, purpose: Option<&Purpose>, client: IpAddr) -> Take {
    Take {
        limit: limit.name.clone(),
        owner: Owner {
            subject: subject.filter(|_| limit.by.subject).cloned(),
            purpose: purpose.filter(|_| limit.by.purpose).cloned(),
            client: limit.by.client.then(|| ClientAddr::of(client)),
        },
        max: limit.max,
        per: limit.per,
        count: limit.count,
    }
}
