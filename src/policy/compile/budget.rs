//! `budget`: what `policy check` holds a set to.

use crate::policy::diagnostic::Collector;
use crate::policy::document::budget::Budget;
use crate::policy::scalar;
use crate::policy::snapshot::BudgetRules;

const MOST_OWNER_CODES: u32 = 1_000;

pub(super) fn compile(budget: Option<&Budget>, out: &mut Collector<'_>) -> BudgetRules {
    let mut rules = BudgetRules::default();
    let Some(budget) = budget else { return rules };
    if let Some(share) = budget.per_subject_year.as_ref().and_then(|text| scalar::share(text, out)) {
        rules.per_subject_year = share;
    }
    let codes = budget.owner_codes_per_day.as_ref();
    if let Some(codes) = codes.and_then(|text| scalar::number(text, 0..=MOST_OWNER_CODES, out)) {
        rules.owner_codes_per_day = codes;
    }
    rules
}
