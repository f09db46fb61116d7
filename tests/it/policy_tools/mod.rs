//! `otp-sidecar policy test`, `diff` and `replay` as processes: what they print, how they end, what bad input leads to; and
//! that what they say is what the running sidecar does.

mod diffing;
mod differential;
mod replaying;
mod testing;

use crate::support::program;

/// Where the files of these tests are, as seen from the repository.
const DATA: &str = "tests/data/cli/policy-changes";

/// Compares with a file of these tests.
fn assert_golden(name: &str, text: &str) {
    program::assert_golden(&format!("policy-changes/{name}"), text);
}
