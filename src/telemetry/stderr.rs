//! Log lines on their way to standard error: whoever tells something never waits for whoever reads it.
//!
//! A line goes into a bounded queue, and a thread of its own writes it. What finds no place is lost, counted,
//! and told when there is room again. The traffic thread logs too: without this, a reader that stops reading
//! would stop the wallet.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// How many lines may wait.
const CAPACITY: usize = 4_096;

/// How soon it is looked again whether a full queue has room.
const AGAIN: Duration = Duration::from_millis(5);

enum Order {
    Write(Vec<u8>),
    /// Everything before it is written.
    Reach(SyncSender<()>),
}

/// Takes lines, and waits for nobody.
pub(super) struct Lines {
    orders: SyncSender<Order>,
    lost: Arc<AtomicU64>,
}

impl Lines {
    /// Starts the thread that writes there.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (orders, received) = sync_channel(CAPACITY);
        let lost = Arc::<AtomicU64>::default();
        let shared = Arc::clone(&lost);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || run(out, &received, &shared))?;
        Ok(Self { orders, lost })
    }

    /// Waits until what was told is written, for at most this long.
    pub fn finish(&self, patience: Duration) {
        let begun = Instant::now();
        let (reached, is_reached) = sync_channel(1);
        while self.orders.try_send(Order::Reach(reached.clone())).is_err() {
            if begun.elapsed() >= patience {
                return;
            }
            std::thread::sleep(AGAIN);
        }
        let _too_late = is_reached.recv_timeout(patience.saturating_sub(begun.elapsed()));
    }
}

impl Write for &Lines {
    /// Takes a whole line: that is how it is called.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.orders.try_send(Order::Write(line.to_vec())).is_err() {
            self.lost.fetch_add(1, Ordering::AcqRel);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn run(mut out: impl Write, received: &Receiver<Order>, lost: &AtomicU64) {
    while let Ok(order) = received.recv() {
        match order {
            Order::Write(line) => {
                // Nobody can be told when standard error is closed.
                let _closed = out.write_all(&line);
                let lost = lost.swap(0, Ordering::AcqRel);
                if lost > 0 {
                    tracing::warn!(lost, "log lines were lost: they were not read as fast as they came");
                }
            }
            Order::Reach(reached) => {
                let _closed = out.flush();
                let _nobody_waits = reached.send(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_written_in_order_before_the_end() {
        let (reader, writer) = io::pipe().unwrap();
        let lines = Lines::start(writer).unwrap();
        for line in ["one\n", "two\n"] {
            (&lines).write_all(line.as_bytes()).unwrap();
        }
        lines.finish(Duration::from_secs(30));
        drop(lines);
        assert_eq!(io::read_to_string(reader).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn a_reader_that_does_not_read_is_not_waited_for_and_what_is_lost_is_counted() {
        let (reader, writer) = io::pipe().unwrap();
        let lines = Lines::start(writer).unwrap();
        let line = [b'x'; 1_024];
        for _ in 0..2 * CAPACITY {
            (&lines).write_all(&line).unwrap();
        }
        assert!(lines.lost.load(Ordering::Acquire) > 0);
        lines.finish(Duration::ZERO);
        drop(reader);
    }
}
