//! What a client may take its time for, and what it may not.

use std::time::Duration;

use tokio::time::Instant;

use super::io::Activity;
use super::settings::ListenerSettings;

/// What the timer found.
pub(super) enum Verdict {
    /// Something is under way.
    Busy,
    /// Nothing is, but something was a moment ago.
    Silent,
    Idle,
    /// A head was begun before the last look and is not whole.
    Unfinished,
    TooSlow,
}

/// How long a client may take, judged once a tick. What it may take its time for: to ask for something,
/// and to wait for an answer. What it may not: to send a head by drops, and to leave an answer unread.
#[derive(Debug)]
pub(super) struct Patience {
    header_timeout: Duration,
    write_timeout: Duration,
    moves: u32,
    requests: u32,
    expects_head: bool,
    head_since: Option<Instant>,
    unread_since: Option<Instant>,
}

impl Patience {
    pub(super) fn new(settings: &ListenerSettings) -> Self {
        Self {
            header_timeout: settings.header_timeout,
            write_timeout: settings.write_timeout,
            moves: 0,
            requests: 0,
            expects_head: false,
            head_since: None,
            unread_since: None,
        }
    }

    /// A part of a head has been read, whatever the socket says.
    pub(super) fn expect_head(&mut self) {
        self.expects_head = true;
    }

    /// Whether a request has begun since the last look.
    pub(super) fn has_begun_since(&self, activity: &Activity) -> bool {
        self.requests != activity.requests()
    }

    /// What the client is doing.
    pub(super) fn judge(&mut self, activity: &Activity, now: Instant) -> Verdict {
        let has_moved = std::mem::replace(&mut self.moves, activity.moves()) != activity.moves();
        if std::mem::replace(&mut self.requests, activity.requests()) != activity.requests() {
            self.head_since = None;
            self.expects_head = false;
        }
        if activity.is_write_blocked() {
            if has_moved {
                self.unread_since = None;
            }
            let since = *self.unread_since.get_or_insert(now);
            return if now - since >= self.write_timeout { Verdict::TooSlow } else { Verdict::Busy };
        }
        self.unread_since = None;
        if activity.is_answering() {
            return Verdict::Busy;
        }
        if activity.has_partial_head() || self.expects_head {
            let taken = now - *self.head_since.get_or_insert(now);
            return match taken {
                Duration::ZERO => Verdict::Busy,
                _ if taken < self.header_timeout => Verdict::Unfinished,
                _ => Verdict::TooSlow,
            };
        }
        if has_moved { Verdict::Silent } else { Verdict::Idle }
    }
}
