//! Which resources a path may mean. A backend may apply any of many normalisations in any order, so one
//! path has several readings; a route is protected only when all of them are looked at.
//!
//! Knows no routes. Errs on the side of too many readings: one too many refuses a strange request, one too
//! few opens a protected route.

mod contents;
pub mod letters;
mod steps;

pub use steps::decode;

use std::collections::HashSet;

use contents::Contents;

/// How often a path is decoded. No server decodes as often; what still has escapes then is refused.
const MAX_DECODINGS: usize = 6;
/// How much work one path may be, as [`Work`] counts it. An ordinary path of 2 KiB needs half of it. It
/// takes about three times as long as a request takes in all.
const MAX_WORK: usize = 64 * 1024;

/// What a path may mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Folded {
    /// Every form that some sequence of normalisations gives, canonical (see [`canonical`]), no two equal.
    Readings(Vec<Vec<u8>>),
    /// Too many to follow.
    Ambiguous,
}

/// Whether a path has but one reading: itself, apart from case and one trailing slash.
///
/// A dot inside a name is plain. That some frameworks take it for the start of a format is the route
/// index's business.
pub fn is_plain(path: &[u8]) -> bool {
    let mut last = 0;
    if path.first() != Some(&b'/') {
        return false;
    }
    for &byte in path {
        match PLAIN[usize::from(byte)] {
            Class::Slash if last == b'/' || last == b'.' => return false,
            // A name that begins with a dot may be a dot segment.
            Class::Dot if last == b'/' => return false,
            Class::Special => return false,
            Class::Plain | Class::Slash | Class::Dot => last = byte,
        }
    }
    last != b'.'
}

#[derive(Clone, Copy)]
enum Class {
    Plain,
    Slash,
    Dot,
    Special,
}

/// The class of each byte. Plain is what RFC 3986 allows in a segment, without `%`, `;` and `+`.
const PLAIN: [Class; 256] = {
    let mut classes = [Class::Special; 256];
    let plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~!$&'()*,=:@";
    let mut at = 0;
    while at < plain.len() {
        classes[plain[at] as usize] = Class::Plain;
        at += 1;
    }
    classes[b'/' as usize] = Class::Slash;
    classes[b'.' as usize] = Class::Dot;
    classes
};

/// Every reading of a path.
pub fn fold(path: &[u8]) -> Folded {
    let mut search = Search::default();
    match search.run(path) {
        Ok(()) => Folded::Readings(search.readings.into_iter().collect()),
        Err(TooMuch) => Folded::Ambiguous,
    }
}

/// Looks for every form that some sequence of steps gives.
#[derive(Debug, Default)]
struct Search {
    seen: HashSet<Vec<u8>>,
    /// Those of them whose own changes are yet to be tried, and how often each was decoded.
    open: Vec<(Vec<u8>, usize)>,
    readings: HashSet<Vec<u8>>,
    work: Work,
}

impl Search {
    fn run(&mut self, path: &[u8]) -> Result<(), TooMuch> {
        // Before it is even copied.
        self.work.afford(looks(path))?;
        self.add(path.to_vec(), 0)?;
        while let Some((form, decodings)) = self.open.pop() {
            self.work.afford(looks(&form))?;
            self.work.count(looks(&form));
            let contents = Contents::of(&form);
            self.readings.insert(canonical(&form));
            for step in steps::STEPS.iter().filter(|step| contents.has(step.changes)) {
                self.work.afford(form.len() + steps::longest(form.len()))?;
                let changed = (step.apply)(&form);
                self.work.count(form.len() + changed.as_ref().map_or(0, Vec::len));
                if let Some(changed) = changed {
                    self.add(changed, decodings + usize::from(step.decodes))?;
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, form: Vec<u8>, decodings: usize) -> Result<(), TooMuch> {
        if self.seen.contains(&form) {
            return Ok(());
        }
        if decodings > MAX_DECODINGS {
            return Err(TooMuch);
        }
        self.seen.insert(form.clone());
        self.open.push((form, decodings));
        Ok(())
    }
}

/// What it counts to see what a form contains and which reading it is: six passes at most, most of them
/// only looking.
fn looks(form: &[u8]) -> usize {
    4 * form.len()
}

/// What one action costs beside its bytes: room for a form, and looking it up.
const ACTION: usize = 128;

/// Work that was done on one path: the bytes that went into and came out of every action.
#[derive(Debug, Default)]
struct Work(usize);

/// A path is too much work, or was encoded too often.
#[derive(Debug)]
struct TooMuch;

impl Work {
    /// Whether an action of this many bytes at most may still be done.
    fn afford(&self, bytes: usize) -> Result<(), TooMuch> {
        if self.0 + ACTION + bytes <= MAX_WORK { Ok(()) } else { Err(TooMuch) }
    }

    fn count(&mut self, bytes: usize) {
        self.0 += ACTION + bytes;
    }
}

/// `/name/name`, in lower case, without empty segments; nothing at all for the root.
pub fn canonical(path: &[u8]) -> Vec<u8> {
    let mut form = Vec::with_capacity(path.len());
    for segment in path.split(|&b| b == b'/').filter(|segment| !segment.is_empty()) {
        form.push(b'/');
        form.extend(segment.iter().map(u8::to_ascii_lowercase));
    }
    form
}

#[cfg(test)]
mod tests;
