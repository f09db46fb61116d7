//! Something that somebody should look at: what it is, what to do, and where to read on.

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Somebody should do something.
    Problem,
    /// To know when reading the numbers; nothing to do.
    Remark,
}

impl Weight {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Problem => "problem",
            Self::Remark => "remark",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its stable word, for programs.
    pub word: &'static str,
    /// How much it matters.
    pub weight: Weight,
    /// What was found, with its numbers, as one sentence.
    pub message: String,
    /// What to do, as one sentence.
    pub advice: &'static str,
    /// The page of `docs/runbooks/` that says more, without `.md`.
    pub runbook: Option<&'static str>,
}

impl Finding {
    /// A problem.
    pub fn problem(word: &'static str, message: String, advice: &'static str) -> Self {
        Self { word, weight: Weight::Problem, message, advice, runbook: None }
    }

    /// A remark.
    pub fn remark(word: &'static str, message: String, advice: &'static str) -> Self {
        Self { word, weight: Weight::Remark, message, advice, runbook: None }
    }

    /// The same with a page to read.
    #[must_use]
    pub fn see(mut self, runbook: &'static str) -> Self {
        self.runbook = Some(runbook);
        self
    }

    /// Whether somebody should do something.
    pub fn is_problem(&self) -> bool {
        self.weight == Weight::Problem
    }
}

/// A share as `87.5 %`. It never rounds up to all nor down to nothing.
pub fn percent(share: f64) -> String {
    let tenths = (share * 1_000.0).round();
    let tenths = if share < 1.0 { tenths.min(999.0) } else { tenths };
    let tenths = if share > 0.0 { tenths.max(1.0) } else { tenths };
    format!("{:.1} %", tenths / 10.0)
}

/// `1 code`, `2 codes`.
pub fn counted(number: u64, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_never_rounds_to_all_or_nothing() {
        for (share, text) in [
            (0.0, "0.0 %"),
            (0.000_01, "0.1 %"),
            (0.875, "87.5 %"),
            (0.899_96, "90.0 %"),
            (0.999_99, "99.9 %"),
            (1.0, "100.0 %"),
        ] {
            assert_eq!(percent(share), text);
        }
    }

    #[test]
    fn one_thing_is_not_told_in_the_plural() {
        assert_eq!([0, 1, 2].map(|number| counted(number, "lock")), ["0 locks", "1 lock", "2 locks"]);
    }
}
