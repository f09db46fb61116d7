//! Proof that a request was decided on.

/// The right to forward one request to the upstream. Only `policy` can make one, so a request that
/// no decision let through cannot be forwarded: forging it elsewhere does not compile.
#[must_use = "a request that was let through must be forwarded, or its reservation released"]
#[derive(Debug)]
pub struct Admission(());

impl Admission {
    pub(in crate::policy) fn grant() -> Self {
        Self(())
    }

    /// For tests of what comes after a decision.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        Self::grant()
    }
}
