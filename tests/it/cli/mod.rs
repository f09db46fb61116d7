//! Commands as processes: what they print, how they end, what bad input leads to.

mod audit;
mod cleanup;
mod deployment;
mod front;
mod mail;
mod policy_check;
mod policy_schema;
mod preview;
mod report;
mod shells;
mod smoke;
mod status;

use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
