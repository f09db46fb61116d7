//! `budget`.

use super::fields::Fields;
use super::tree::{Node, Text};
use crate::policy::diagnostic::{At, Collector};

/// How likely a guessed code may be.
#[derive(Debug)]
pub struct Budget {
    /// Its place.
    pub at: At,
    /// The chance for each subject and year.
    pub per_subject_year: Option<Text>,
    /// How many right codes an owner enters in a day.
    pub owner_codes_per_day: Option<Text>,
}

impl Budget {
    pub(super) fn read(node: Node, out: &mut Collector<'_>) -> Option<Self> {
        const KNOWN: &[&str] = &["per_subject_year", "owner_codes_per_day"];
        let mut fields = Fields::open(node, "`budget`", KNOWN, out)?;
        Some(Self {
            at: fields.at,
            per_subject_year: fields.text("per_subject_year", out),
            owner_codes_per_day: fields.text("owner_codes_per_day", out),
        })
    }
}
