//! The `otp-sidecar` program.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Gives memory back after a wave of connections has closed, which the system's allocator does not.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    otp_sidecar::cli::run()
}
