//! The lines of one audit file, whatever they say: plain or compressed, which is seen from its first bytes and not from
//! its name, since logs are renamed; or standard input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

use super::{ReadError, STDIN, unreadable};

/// The most bytes of a line. Ours have some hundred.
const LONGEST: u64 = 64 * 1024;

/// The buffer of one file.
const BUFFER: usize = 256 * 1024;

/// What a compressed file begins with (RFC 1952, 2.3.1).
const PACKED: [u8; 2] = [0x1f, 0x8b];

/// A piece of a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A line with something in it, without the spaces around it.
    Line(&'a [u8]),
    /// A line that is too long for one of ours.
    TooLong,
    /// The end of a compressed file that ends too early.
    CutShort,
}

/// One file, piece by piece.
pub struct Lines {
    path: Box<Path>,
    input: Box<dyn BufRead + Send>,
    line: Vec<u8>,
    is_packed: bool,
}

impl Lines {
    /// The lines of this file, or of standard input for `-`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        if path.as_os_str() == STDIN {
            return Self::of(path, BufReader::with_capacity(BUFFER, io::stdin()));
        }
        let file = File::open(path).map_err(|problem| unreadable(path, problem))?;
        Self::of(path, BufReader::with_capacity(BUFFER, file))
    }

    /// The lines of what comes from somewhere else. The path is for errors.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn of(path: &Path, mut from: impl BufRead + Send + 'static) -> Result<Self, ReadError> {
        let begin = from.fill_buf().map_err(|problem| unreadable(path, problem))?;
        let is_packed = begin.starts_with(&PACKED);
        let input: Box<dyn BufRead + Send> = if is_packed {
            Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(from)))
        } else {
            Box::new(from)
        };
        Ok(Self { path: Box::from(path), input, line: Vec::new(), is_packed })
    }

    /// The next piece. Empty lines are none.
    ///
    /// # Errors
    /// When the file cannot be read any further.
    pub fn next_piece(&mut self) -> Result<Option<Piece<'_>>, ReadError> {
        loop {
            self.line.clear();
            let read = match (&mut self.input).take(LONGEST).read_until(b'\n', &mut self.line) {
                Ok(0) => return Ok(None),
                Ok(read) => read as u64,
                Err(problem) if self.is_packed && is_damage(&problem) => {
                    self.input = Box::new(io::empty());
                    return Ok(Some(Piece::CutShort));
                }
                Err(problem) => return Err(unreadable(&self.path, problem)),
            };
            if read == LONGEST && self.line.last() != Some(&b'\n') {
                self.skip_rest()?;
                return Ok(Some(Piece::TooLong));
            }
            if !self.line.trim_ascii().is_empty() {
                break;
            }
        }
        Ok(Some(Piece::Line(self.line.trim_ascii())))
    }

    /// Reads on to the end of a line. What stops it stops the next line too, and is told there.
    fn skip_rest(&mut self) -> Result<(), ReadError> {
        loop {
            let buffer = match self.input.fill_buf() {
                Ok(buffer) => buffer,
                Err(problem) if self.is_packed && is_damage(&problem) => return Ok(()),
                Err(problem) => return Err(unreadable(&self.path, problem)),
            };
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let used = end.map_or(buffer.len(), |end| end + 1);
            let is_over = end.is_some() || buffer.is_empty();
            self.input.consume(used);
            if is_over {
                return Ok(());
            }
        }
    }
}

/// Whether what was packed is not whole, rather than the disk at fault.
fn is_damage(problem: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(problem.kind(), K::UnexpectedEof | K::InvalidData | K::InvalidInput)
}
