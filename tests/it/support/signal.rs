//! Signals to processes that tests started.

use std::process::Command;

/// Sends a signal such as `-TERM` to this process. By the shell, which has `kill` built in: as a program
/// of its own it is not on every machine.
pub fn send(signal: &str, process: u32) {
    let script = "kill \"$0\" \"$1\"";
    let status = Command::new("sh").args(["-c", script, signal, &process.to_string()]).status().unwrap();
    assert!(status.success(), "process {process} does not get {signal}");
}
