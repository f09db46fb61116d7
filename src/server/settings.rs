//! What clients may do, and how often it is looked at.

use std::time::Duration;

/// With more connections than this in use, silent ones are parked in [`HASTE`].
const UNPARKED_IN_PEACE: usize = 256;
/// After how much silence connections are parked when there are many.
const HASTE: Duration = Duration::from_millis(40);

/// What clients may do.
#[derive(Debug, Clone)]
pub struct ListenerSettings {
    /// How many connections are served at a time. For a further one the connection that has been silent
    /// longest is closed. When none is silent, further ones wait in the kernel's queue: refusing them
    /// would cost a socket and an answer each, just when there is least to spare. Connections to the
    /// upstream need no limit of their own: each one in use belongs to a client's request, and the pool
    /// bounds the idle ones.
    pub max_connections: usize,
    /// How long the head of a request may take from its first byte on.
    pub header_timeout: Duration,
    /// How long a connection may stay open without a request. Longer than ingresses keep theirs, so
    /// that it is them who close and no request crosses a close.
    pub idle_timeout: Duration,
    /// How long a client may leave an answer unread that is ready for it.
    pub write_timeout: Duration,
    /// After how much silence a connection gives its buffers back.
    pub park_after: Duration,
    /// How long requests under way may take once the listener stops.
    pub drain: Duration,
}

impl Default for ListenerSettings {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(120),
            write_timeout: Duration::from_secs(60),
            park_after: Duration::from_secs(1),
            drain: Duration::from_secs(25),
        }
    }
}

impl ListenerSettings {
    /// How often a connection that is not parked is looked at. When many are not, the silent ones are
    /// parked almost at once: a wave of new connections must not need memory that is rarely given back.
    /// Where something is under way, nothing is won by looking more often.
    pub(super) fn tick(&self, unparked: usize, is_silent: bool) -> Duration {
        let is_hasty = is_silent && unparked > UNPARKED_IN_PEACE;
        let park_after = if is_hasty { HASTE.min(self.park_after) } else { self.park_after };
        let shortest = park_after.min(self.header_timeout).min(self.write_timeout);
        (shortest / 2).max(Duration::from_millis(5))
    }
}
