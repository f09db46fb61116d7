//! Audit logs from disk: several files as one stream in the order of time, read and parsed beside the replay.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use crate::domain::time::Timestamp;
use crate::policy::replay::line::{Entry, Reader, Skipped};
use crate::telemetry::audit::reader::{Lines, Piece, ReadError};

/// How many entries are handed over at once.
const BATCH: usize = 2_048;
/// How many batches may wait.
const WAITING: usize = 8;

/// What was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Read {
    /// Lines, without empty ones.
    pub lines: u64,
    /// Lines that are none of an audit log: half lines, or something else.
    pub broken: u64,
    /// Lines of later versions or unknown events.
    pub unknown: u64,
}

/// Reads all files and hands their entries over in the order of time.
///
/// # Errors
/// When one cannot be read.
pub(super) fn read(paths: &[PathBuf], mut take: impl FnMut(Vec<Entry>)) -> anyhow::Result<Read> {
    let logs = paths.iter().map(|path| Lines::open(path)).collect::<Result<Vec<_>, _>>()?;
    let (sender, receiver) = sync_channel(WAITING);
    thread::scope(|scope| {
        let reading = scope.spawn(move || merge(logs, &sender));
        for batch in receiver {
            take(batch);
        }
        match reading.join() {
            Ok(read) => Ok(read?),
            Err(_) => anyhow::bail!("a defect of this program ended the reading; please report it"),
        }
    })
}

/// The next entry of the file whose next entry is the oldest. Within a file the order is its own.
fn merge(mut logs: Vec<Lines>, sender: &SyncSender<Vec<Entry>>) -> Result<Read, ReadError> {
    let mut reader = Reader::default();
    let mut read = Read::default();
    let mut batch = Vec::with_capacity(BATCH);
    let mut heads: Vec<Option<Entry>> = Vec::with_capacity(logs.len());
    let mut order = BinaryHeap::new();
    for (index, log) in logs.iter_mut().enumerate() {
        let head = next(log, &mut reader, &mut read)?;
        if let Some(entry) = &head {
            order.push(Reverse((time(entry), index)));
        }
        heads.push(head);
    }
    while let Some(Reverse((last, index))) = order.pop() {
        let (Some(log), Some(head)) = (logs.get_mut(index), heads.get_mut(index)) else { continue };
        let next = next(log, &mut reader, &mut read)?;
        if let Some(entry) = &next {
            order.push(Reverse((time(entry).max(last), index)));
        }
        batch.extend(std::mem::replace(head, next));
        if batch.len() == BATCH
            && sender.send(std::mem::replace(&mut batch, Vec::with_capacity(BATCH))).is_err()
        {
            return Ok(read);
        }
    }
    // Whoever does not take the rest has ended already.
    let _ended = sender.send(batch);
    Ok(read)
}

fn time(entry: &Entry) -> Timestamp {
    match entry {
        Entry::Decision(decision) => decision.time,
        Entry::Issued { time, .. }
        | Entry::Ended { time, .. }
        | Entry::Settled { time, .. }
        | Entry::Other(time) => *time,
    }
}

/// The next entry of a file. Lines that are none are counted.
fn next(lines: &mut Lines, reader: &mut Reader, read: &mut Read) -> Result<Option<Entry>, ReadError> {
    while let Some(piece) = lines.next_piece()? {
        read.lines += 1;
        let entry = match piece {
            Piece::Line(line) => reader.read(line),
            Piece::TooLong | Piece::CutShort => Err(Skipped::Broken),
        };
        match entry {
            Ok(entry) => return Ok(Some(entry)),
            Err(Skipped::Broken) => read.broken += 1,
            Err(Skipped::Unknown) => read.unknown += 1,
        }
    }
    Ok(None)
}
