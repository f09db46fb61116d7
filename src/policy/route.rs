//! Which route a path names.

use super::snapshot::Router;

/// (under construction)
#[derive(Debug, Default)]
pub struct RouteIndex;

impl RouteIndex {
    /// (under construction)
    ///
    /// # Errors
    /// None yet.
    pub fn build(_: &[(&str, usize, Router)]) -> Result<Self, String> {
        Ok(Self)
    }
}
