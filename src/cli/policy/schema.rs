//! `otp-sidecar policy schema`.

use std::io::Write as _;

use super::Ending;

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar policy schema > policies/policy.schema.json

With this first line, editors complete and check a policy file while it is written:
  # yaml-language-server: $schema=policy.schema.json";

/// As it is committed. A test holds it equal to the language.
const SCHEMA: &str = include_str!("../../../policies/policy.schema.json");

/// Prints the schema.
pub(super) fn run() -> anyhow::Result<Ending> {
    let mut out = std::io::stdout().lock();
    out.write_all(SCHEMA.as_bytes())?;
    out.flush()?;
    Ok(Ending::Fine)
}
