//! The `otp-sidecar` program.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Gives memory back after a wave of connections has closed, which the system's allocator does not. Built
/// without huge pages: they double what an idle process holds, and a huge page is hardly ever empty.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    otp_sidecar::cli::run()
}
