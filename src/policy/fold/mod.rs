//! Which resources a path may mean. A backend may apply any of many normalisations in any order, so one
//! path has several readings; a route is protected only when all of them are looked at.
//!
//! Knows no routes. Errs on the side of too many readings: one too many refuses a strange request, one too
//! few opens a protected route.

pub mod letters;
mod steps;

use std::collections::HashSet;

/// How often a path is decoded. No server decodes as often; what still has escapes then is refused.
const MAX_DECODINGS: usize = 6;
/// How many intermediate forms one path may have.
const MAX_FORMS: usize = 512;
/// How many bytes they may have together, which bounds the work.
const MAX_BYTES: usize = 256 * 1024;

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
    let mut segment = 0;
    if path.first() != Some(&b'/') {
        return false;
    }
    for &byte in path {
        match PLAIN[usize::from(byte)] {
            Class::Plain => segment += 1,
            Class::Slash if last == b'/' || last == b'.' => return false,
            Class::Slash => segment = 0,
            // A name that begins with a dot may be a dot segment.
            Class::Dot if segment == 0 => return false,
            Class::Dot => segment += 1,
            Class::Special => return false,
        }
        last = byte;
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
    search.add(path.to_vec(), 0);
    while let Some((form, decodings)) = search.open.pop() {
        for decode in [steps::decode, steps::decode_all_but_slash] {
            if let Some(decoded) = decode(&form) {
                search.add(decoded, decodings + 1);
            }
        }
        for step in steps::STEPS {
            if let Some(changed) = step(&form) {
                search.add(changed, decodings);
            }
        }
        if search.is_exhausted() {
            return Folded::Ambiguous;
        }
    }
    let readings: HashSet<Vec<u8>> = search.seen.iter().map(|form| canonical(form)).collect();
    Folded::Readings(readings.into_iter().collect())
}

#[derive(Default)]
struct Search {
    seen: HashSet<Vec<u8>>,
    open: Vec<(Vec<u8>, usize)>,
    bytes: usize,
    too_deep: bool,
}

impl Search {
    fn add(&mut self, form: Vec<u8>, decodings: usize) {
        if self.seen.contains(&form) {
            return;
        }
        self.bytes += form.len();
        self.too_deep |= decodings > MAX_DECODINGS;
        self.seen.insert(form.clone());
        self.open.push((form, decodings));
    }

    fn is_exhausted(&self) -> bool {
        self.too_deep || self.seen.len() > MAX_FORMS || self.bytes > MAX_BYTES
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
