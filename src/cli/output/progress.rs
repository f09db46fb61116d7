//! One line on standard error that says how far a long command is, where a person looks on.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// How often the line is written anew.
const PACE: Duration = Duration::from_millis(100);

/// The line. It is taken away when this is dropped.
pub(in crate::cli) struct Progress {
    shown: Option<Instant>,
    is_watched: bool,
}

impl Progress {
    /// Shows itself only where standard error is a terminal.
    pub(in crate::cli) fn new() -> Self {
        Self { shown: None, is_watched: io::stderr().is_terminal() }
    }

    /// Says how far it is. The text is made only when it is shown.
    pub(in crate::cli) fn tell(&mut self, text: impl FnOnce() -> String) {
        if !self.is_watched || self.shown.is_some_and(|shown| shown.elapsed() < PACE) {
            return;
        }
        self.shown = Some(Instant::now());
        // Nobody misses a line that cannot be written.
        let _closed = write!(io::stderr(), "\r\u{1b}[K{}", super::visible(&text()));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _closed = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}
