//! Audit logs from disk: several files as one stream in the order of time, read and parsed beside the replay.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use anyhow::Context as _;
use flate2::read::MultiGzDecoder;

use crate::domain::time::Timestamp;
use crate::policy::replay::line::{Entry, Reader, Skipped};

/// How many entries are handed over at once.
const BATCH: usize = 2_048;
/// How many batches may wait.
const WAITING: usize = 8;
/// The longest line that is read, in bytes. Longer ones are none of the sidecar's.
const LONGEST: u64 = 64 * 1024;
/// The buffer of one file.
const BUFFER: usize = 256 * 1024;

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
    let logs = paths.iter().map(|path| Log::open(path)).collect::<anyhow::Result<Vec<_>>>()?;
    let (sender, receiver) = sync_channel(WAITING);
    thread::scope(|scope| {
        let reading = scope.spawn(move || merge(logs, &sender));
        for batch in receiver {
            take(batch);
        }
        match reading.join() {
            Ok(read) => read,
            Err(_) => anyhow::bail!("a defect of this program ended the reading; please report it"),
        }
    })
}

/// The next entry of the file whose next entry is the oldest. Within a file the order is its own.
fn merge(mut logs: Vec<Log>, sender: &SyncSender<Vec<Entry>>) -> anyhow::Result<Read> {
    let mut reader = Reader::default();
    let mut read = Read::default();
    let mut batch = Vec::with_capacity(BATCH);
    let mut heads: Vec<Option<Entry>> = Vec::with_capacity(logs.len());
    let mut order = BinaryHeap::new();
    for (index, log) in logs.iter_mut().enumerate() {
        let head = log.next(&mut reader, &mut read)?;
        if let Some(entry) = &head {
            order.push(Reverse((time(entry), index)));
        }
        heads.push(head);
    }
    while let Some(Reverse((last, index))) = order.pop() {
        let (Some(log), Some(head)) = (logs.get_mut(index), heads.get_mut(index)) else { continue };
        let next = log.next(&mut reader, &mut read)?;
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

/// One file.
struct Log {
    name: String,
    input: Box<dyn BufRead + Send>,
    line: Vec<u8>,
}

impl Log {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        if path.as_os_str() == "-" {
            let input = Box::new(BufReader::with_capacity(BUFFER, io::stdin()));
            return Ok(Self { name: "standard input".to_owned(), input, line: Vec::new() });
        }
        let file = File::open(path).with_context(|| format!("{name} cannot be opened"))?;
        let mut plain = BufReader::with_capacity(BUFFER, file);
        // By what it holds, not by its name: logs are renamed.
        let is_packed = plain.fill_buf().with_context(|| name.clone())?.starts_with(&[0x1f, 0x8b]);
        let input: Box<dyn BufRead + Send> = if is_packed {
            Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(plain)))
        } else {
            Box::new(plain)
        };
        Ok(Self { name, input, line: Vec::new() })
    }

    /// The next entry. Lines that are none are counted.
    fn next(&mut self, reader: &mut Reader, read: &mut Read) -> anyhow::Result<Option<Entry>> {
        loop {
            self.line.clear();
            let taken = (&mut self.input).take(LONGEST).read_until(b'\n', &mut self.line);
            match taken {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                // An archive that was cut off: what came before the cut counts.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    read.lines += 1;
                    read.broken += 1;
                    return Ok(None);
                }
                Err(error) => return Err(error).with_context(|| self.name.clone()),
            }
            if !self.line.ends_with(b"\n") && self.line.len() as u64 == LONGEST {
                self.skip_line()?;
                self.line.clear();
                self.line.push(b'?');
            }
            if self.line.trim_ascii().is_empty() {
                continue;
            }
            read.lines += 1;
            match reader.read(&self.line) {
                Ok(entry) => return Ok(Some(entry)),
                Err(Skipped::Broken) => read.broken += 1,
                Err(Skipped::Unknown) => read.unknown += 1,
            }
        }
    }

    fn skip_line(&mut self) -> anyhow::Result<()> {
        loop {
            let buffer = self.input.fill_buf().with_context(|| self.name.clone())?;
            let (used, is_over) = match buffer.iter().position(|byte| *byte == b'\n') {
                Some(end) => (end + 1, true),
                None => (buffer.len(), buffer.is_empty()),
            };
            self.input.consume(used);
            if is_over {
                return Ok(());
            }
        }
    }
}
