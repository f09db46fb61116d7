//! What a mail says.

/// (under construction)
#[derive(Debug)]
pub struct Template;
