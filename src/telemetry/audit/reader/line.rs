//! One line as it is read: every field that `docs/audit.md` explains. What is not known is left out.

use serde::{Deserialize, Serialize};

use crate::domain::time::Timestamp;

/// A value before and after a decision.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Pair<T> {
    /// What the decision found.
    pub before: T,
    /// What it left.
    pub after: T,
}

/// One limit of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct LimitCount {
    /// Its name.
    pub limit: String,
    /// How many it allows.
    pub max: u32,
    /// How many there were before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u32>,
    /// And after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u32>,
}

macro_rules! line {
    ($($(#[$doc:meta])* $name:ident: $of:ty,)*) => {
        /// One audit line.
        #[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
        pub struct AuditLine {
            /// The version of the format.
            pub v: u32,
            /// What happened.
            pub event: String,
            /// When.
            pub time: String,
            /// How many lines are missing before this one.
            #[serde(default, skip_serializing_if = "is_zero")]
            pub lost: u64,
            $($(#[$doc])* #[serde(default, skip_serializing_if = "Option::is_none")] pub $name: Option<$of>,)*
            /// The limits that it was about.
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            pub limits: Vec<LimitCount>,
        }
    };
}

line! {
    /// The request.
    decision_id: String,
    /// Its trace.
    trace_id: String,
    /// The route.
    route: String,
    /// What the route does.
    action: String,
    /// `enforce`.
    mode: String,
    /// The caller, in the form that the policy asks for.
    subject: String,
    /// What an operator did.
    operation: String,
    /// Which operator.
    by: String,
    /// Why.
    note: String,
    /// What the code is for.
    purpose: String,
    /// The pseudonym of the challenge's reference.
    reference: String,
    /// Where the request came from, in the form that the policy asks for.
    client: String,
    /// `allowed`, `refused` or `failed`.
    outcome: String,
    /// How it went.
    result: String,
    /// Why.
    reason: String,
    /// `right` or `wrong`.
    code: String,
    /// The rule that refused.
    rule: String,
    /// Until when it refuses.
    until: String,
    /// The policy.
    policy: String,
    /// Failures of subject and purpose.
    failures: Pair<u32>,
    /// The lock of subject and purpose.
    lock: Pair<Option<String>>,
    /// The limit that an operator reset.
    limit: String,
    /// How long a code lives, in seconds.
    expires_in: u64,
    /// What a mail says.
    kind: String,
    /// Attempts made.
    attempt: u32,
    /// How long something took, in seconds.
    after_seconds: f64,
    /// How many routes the policy has.
    routes: u64,
    /// Of the program.
    version: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl AuditLine {
    /// When it happened; `None` if that is no time.
    pub fn at(&self) -> Option<Timestamp> {
        Timestamp::from_iso8601(&self.time)
    }

    /// Whether it is a decision that began a lock.
    pub fn locks(&self) -> bool {
        self.lock.as_ref().is_some_and(|lock| lock.before.is_none() && lock.after.is_some())
    }
}
