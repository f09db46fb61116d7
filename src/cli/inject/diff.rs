//! Two texts as the lines that differ, in the form of `diff -u`.

use similar::TextDiff;

/// Empty when they are equal.
pub(super) fn unified(before: &str, after: &str) -> String {
    if before == after {
        return String::new();
    }
    TextDiff::from_lines(before, after).unified_diff().context_radius(3).header("before", "after").to_string()
}
