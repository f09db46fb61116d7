//! Logs that are replayed.
