//! Long lists, a bounded part at a time.

use crate::domain::id::{InvalidId, Purpose, hex};
use crate::domain::subject::Subject;
use crate::domain::time::Timestamp;

/// The most entries of one page.
pub const LARGEST_PAGE: u16 = 1_000;

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    after: Option<Cursor>,
    limit: u16,
}

impl PageRequest {
    /// At most `limit` entries, from 1 to [`LARGEST_PAGE`], from the beginning of the list.
    pub fn first(limit: u16) -> Self {
        Self { after: None, limit: limit.clamp(1, LARGEST_PAGE) }
    }

    /// The same, after the page that gave this cursor.
    #[must_use]
    pub fn after(self, cursor: Cursor) -> Self {
        Self { after: Some(cursor), ..self }
    }

    /// Where the page before ended.
    pub fn cursor(&self) -> Option<&Cursor> {
        self.after.as_ref()
    }

    /// The most entries.
    pub fn limit(&self) -> usize {
        usize::from(self.limit)
    }
}

/// A part of a list. A list is no snapshot: what changes between two pages may be missed or seen twice, and
/// nothing that stays as it is is missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// When it was read, on the store's clock.
    pub at: Timestamp,
    /// No more than were asked for; perhaps fewer, or none, although there is a next page.
    pub entries: Vec<T>,
    /// Where to go on; `None` at the end.
    pub next: Option<Cursor>,
}

/// The place of one entry in a list, for those who go on from it. Its text form is opaque, but it can be
/// decoded: it names a subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The purpose whose entries are listed.
    pub purpose: Purpose,
    /// Which part of the store they are in; 0 where there is one.
    pub part: u8,
    /// By when entries are ordered.
    pub until: Timestamp,
    /// The entry.
    pub subject: Subject,
}

impl Cursor {
    /// As it travels: lower-case hexadecimal digits.
    pub fn to_text(&self) -> String {
        let Self { purpose, part, until, subject } = self;
        hex(format!("{purpose}:{part}:{}:{}", until.as_millis(), subject.as_str()).as_bytes())
    }

    /// Reads [`Cursor::to_text`] back.
    ///
    /// # Errors
    /// When the text is none.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        decode(text).ok_or(InvalidId { expected: "the cursor of an earlier page" })
    }
}

fn decode(text: &str) -> Option<Cursor> {
    let digits: Vec<u8> = text
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let text = String::from_utf8(pairs.iter().map(|[high, low]| high << 4 | low).collect()).ok()?;
    let mut parts = text.splitn(4, ':');
    Some(Cursor {
        purpose: Purpose::parse(parts.next()?).ok()?,
        part: parts.next()?.parse().ok()?,
        until: Timestamp::from_millis(parts.next()?.parse().ok()?),
        subject: Subject::parse(parts.next()?).ok()?,
    })
}
