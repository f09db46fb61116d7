//! Which route a path names.

/// (under construction)
#[derive(Debug, Default)]
pub struct RouteIndex;
