//! `limits`.

use super::fields::Fields;
use super::tree::{Node, Text};
use crate::policy::diagnostic::Collector;

/// One limit. Its fields are missing when its value could not be read.
#[derive(Debug)]
pub struct Limit {
    /// Its name.
    pub name: Text,
    /// How many.
    pub max: Option<Text>,
    /// In which window.
    pub per: Option<Text>,
    /// Counted apart by what.
    pub by: Vec<Text>,
    /// What is counted.
    pub count: Option<Text>,
}

impl Limit {
    pub(super) fn read(name: Text, node: Node, out: &mut Collector<'_>) -> Self {
        let mut limit = Self { name, max: None, per: None, by: Vec::new(), count: None };
        let at = limit.name.at;
        if let Some(mut fields) = Fields::open(node, "a limit", &["max", "per", "by", "count"], out) {
            fields.at = at;
            limit.max = fields.need_text("max", "10", out);
            limit.per = fields.need_text("per", "1m", out);
            limit.by = fields.texts("by", out);
            limit.count = fields.text("count", out);
        }
        limit
    }
}
