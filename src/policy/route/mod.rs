//! Which routes a path names: the index that every request is looked up in.
//!
//! Knows no methods and no actions. A path that names nothing protected costs one hash probe, however many
//! routes there are.

mod trie;

use std::borrow::Cow;
use std::collections::HashMap;

use super::fold::{self, Folded};
use trie::{Segment, Trie};

/// Paths up to this length are put into lower case on the stack.
const SHORT: usize = 256;

/// The paths that routes name. Build it with [`RouteIndex::build`].
#[derive(Debug, Default)]
pub struct RouteIndex {
    patterns: Vec<Pattern>,
    /// Canonical form → pattern, for patterns without parameters.
    literal: HashMap<Box<[u8]>, usize>,
    /// The patterns with parameters.
    parametric: Trie,
    /// The length of the longest literal pattern. Longer paths are not even looked up.
    longest_literal: usize,
    /// The length of the longest name in any pattern.
    longest_name: usize,
}

/// `match.router`: which spellings of a path the backend's router takes for the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Router {
    /// Another case and one trailing slash are proper spellings.
    Express,
    /// Only the exact path is.
    Strict,
}

/// What [`RouteIndex::find`] says of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathMatch<'a> {
    /// No reading of the path names a protected route.
    Unguarded,
    /// The path names these routes, in a spelling that the backend's router takes for the path itself.
    Proper {
        /// The routes with this path; at least one.
        routes: &'a [usize],
        /// The path as the upstream gets it: the policy's own spelling, parameters as the client wrote them.
        spelling: Cow<'a, str>,
    },
    /// Some reading of the path names a protected route, but the spelling is not a proper one. Refuse it.
    Improper {
        /// The routes with that path; empty when the path has too many readings to follow.
        routes: &'a [usize],
    },
}

/// Why patterns make no index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteIndexError {
    /// The text is no pattern.
    #[error("`{pattern}` is no path: {reason}")]
    Invalid {
        /// As it was written.
        pattern: String,
        /// What to write instead.
        reason: &'static str,
    },
    /// Two patterns that differ only in ways that some backends overlook, or that overlap.
    #[error(
        "`{second}` can match the same request as `{first}`: write both alike, with the same `router`, or change one"
    )]
    Clash {
        /// The pattern that came first.
        first: String,
        /// The one that clashes with it.
        second: String,
    },
}

#[derive(Debug)]
struct Pattern {
    spelling: String,
    segments: Vec<Segment>,
    router: Router,
    routes: Vec<usize>,
}

impl RouteIndex {
    /// Builds the index of patterns such as `/api/wallet/fund` or `/api/wallets/{id}/fund`, each with the
    /// number of its route. Several routes may have one pattern; they come back in the order given.
    ///
    /// # Errors
    /// When a text is no pattern, or when one path could match two patterns that are not written alike.
    pub fn build(entries: &[(&str, usize, Router)]) -> Result<Self, RouteIndexError> {
        let mut index = Self::default();
        for &(spelling, route, router) in entries {
            index.insert(spelling, route, router)?;
        }
        index.refuse_overlaps()?;
        Ok(index)
    }

    fn insert(&mut self, spelling: &str, route: usize, router: Router) -> Result<(), RouteIndexError> {
        let segments = parse(spelling)
            .map_err(|reason| RouteIndexError::Invalid { pattern: spelling.to_owned(), reason })?;
        let next = self.patterns.len();
        let place = if segments.contains(&Segment::Parameter) {
            self.parametric.insert(&segments, next)
        } else {
            let canonical = fold::canonical(spelling.as_bytes());
            self.longest_literal = self.longest_literal.max(canonical.len());
            *self.literal.entry(canonical.into()).or_insert(next)
        };
        let longest_name = names(spelling).map(str::len).max().unwrap_or_default();
        self.longest_name = self.longest_name.max(longest_name);
        if let Some(there) = self.patterns.get_mut(place) {
            if there.router != router || !same_spelling(there, &segments, spelling) {
                let first = there.spelling.clone();
                return Err(RouteIndexError::Clash { first, second: spelling.to_owned() });
            }
            if !there.routes.contains(&route) {
                there.routes.push(route);
            }
        } else {
            self.patterns.push(Pattern {
                spelling: spelling.to_owned(),
                segments,
                router,
                routes: vec![route],
            });
        }
        Ok(())
    }

    /// A path that matches two patterns would get the decision of one and be handled as the other.
    fn refuse_overlaps(&self) -> Result<(), RouteIndexError> {
        for (place, pattern) in self.patterns.iter().enumerate() {
            if let Some(other) = self.parametric.overlapping(&pattern.segments, place)
                && let Some(first) = self.patterns.get(other)
            {
                let (first, second) = (first.spelling.clone(), pattern.spelling.clone());
                return Err(RouteIndexError::Clash { first, second });
            }
        }
        Ok(())
    }

    /// Looks up the path of a request target, as the client spelt it and without query and fragment.
    pub fn find<'a>(&'a self, path: &str) -> PathMatch<'a> {
        if fold::is_plain(path.as_bytes()) {
            return self.find_plain(path);
        }
        let Folded::Readings(readings) = fold::fold(path.as_bytes()) else {
            return PathMatch::Improper { routes: &[] };
        };
        match readings.iter().find_map(|reading| self.named_by(reading)) {
            Some(pattern) => PathMatch::Improper { routes: &pattern.routes },
            None => PathMatch::Unguarded,
        }
    }

    fn find_plain<'a>(&'a self, path: &str) -> PathMatch<'a> {
        let bytes = path.strip_suffix('/').unwrap_or(path).as_bytes();
        let mut stack = [0; SHORT];
        let heap;
        let lower: &[u8] = match stack.get_mut(..bytes.len()) {
            Some(lower) => {
                lower.copy_from_slice(bytes);
                lower.make_ascii_lowercase();
                lower
            }
            None => {
                heap = bytes.to_ascii_lowercase();
                &heap
            }
        };
        match self.exactly(lower) {
            Some(pattern) => pattern.judge(path),
            None => match self.before_format(lower) {
                Some(pattern) => PathMatch::Improper { routes: &pattern.routes },
                None => PathMatch::Unguarded,
            },
        }
    }

    /// The pattern that a canonical reading names, also when a format such as `.json` follows.
    fn named_by(&self, reading: &[u8]) -> Option<&Pattern> {
        self.exactly(reading).or_else(|| self.before_format(reading))
    }

    fn exactly(&self, canonical: &[u8]) -> Option<&Pattern> {
        let literal = if canonical.len() > self.longest_literal { None } else { self.literal.get(canonical) };
        let place = match literal {
            Some(place) => *place,
            None => self.parametric.find(canonical)?,
        };
        self.patterns.get(place)
    }

    /// Some frameworks take `/fund.json` for `/fund` in another format.
    fn before_format(&self, canonical: &[u8]) -> Option<&Pattern> {
        self.without_format(canonical).find_map(|bare| self.exactly(bare))
    }

    /// The path up to each dot of its last name, while that may be a literal name of a pattern. A last name
    /// that is a parameter is one with all its dots.
    fn without_format<'a>(&self, canonical: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        let name = canonical.iter().rposition(|&b| b == b'/').map_or(canonical.len(), |slash| slash + 1);
        let places = canonical.iter().enumerate().skip(name).take(self.longest_name + 1);
        let dots = places.filter(|(_, byte)| **byte == b'.');
        dots.filter_map(|(dot, _)| canonical.get(..dot)).map(|bare| bare.strip_suffix(b"/").unwrap_or(bare))
    }
}

impl Pattern {
    /// Judges a plain path that names this pattern.
    fn judge(&self, path: &str) -> PathMatch<'_> {
        match self.proper(path) {
            Some(spelling) => PathMatch::Proper { routes: &self.routes, spelling },
            None => PathMatch::Improper { routes: &self.routes },
        }
    }

    /// The spelling for the upstream, if the path is a proper one.
    fn proper(&self, path: &str) -> Option<Cow<'_, str>> {
        let slash = path.ends_with('/') == self.spelling.ends_with('/');
        let is_alike = match self.router {
            Router::Strict if !slash => return None,
            Router::Strict => |ours: &str, theirs: &str| ours == theirs,
            Router::Express => |ours: &str, theirs: &str| ours.eq_ignore_ascii_case(theirs),
        };
        let mut captured = false;
        for (segment, given) in self.segments.iter().zip(names(path)) {
            let fits = match segment {
                Segment::Literal(name) => is_alike(name, given),
                Segment::Parameter => {
                    captured = true;
                    is_unreserved(given)
                }
            };
            if !fits {
                return None;
            }
        }
        Some(if captured { Cow::Owned(self.fill(path)) } else { Cow::Borrowed(&self.spelling) })
    }

    fn fill(&self, path: &str) -> String {
        let mut filled = String::with_capacity(path.len() + 1);
        for (segment, given) in self.segments.iter().zip(names(path)) {
            filled.push('/');
            filled.push_str(match segment {
                Segment::Literal(name) => name,
                Segment::Parameter => given,
            });
        }
        if self.spelling.ends_with('/') {
            filled.push('/');
        }
        filled
    }
}

/// The names between the slashes of a plain path.
fn names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|name| !name.is_empty())
}

fn same_spelling(there: &Pattern, segments: &[Segment], spelling: &str) -> bool {
    there.segments == segments && there.spelling.ends_with('/') == spelling.ends_with('/')
}

fn parse(pattern: &str) -> Result<Vec<Segment>, &'static str> {
    if !pattern.starts_with('/') {
        return Err("begin it with `/`");
    }
    if pattern.contains("//") {
        return Err("write single slashes");
    }
    names(pattern).map(parse_segment).collect()
}

fn parse_segment(text: &str) -> Result<Segment, &'static str> {
    if let Some(name) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        return if is_name {
            Ok(Segment::Parameter)
        } else {
            Err("name a parameter with letters, digits and `_`, such as `{id}`")
        };
    }
    if text.contains(['{', '}']) {
        return Err("a parameter takes a whole segment, such as `/{id}/`");
    }
    if !is_unreserved(text) || text.ends_with('.') {
        return Err("use letters, digits and `-._~` between the slashes, no dot at the end");
    }
    Ok(Segment::Literal(text.into()))
}

/// RFC 3986, section 2.3, and neither `.` nor `..`.
fn is_unreserved(name: &str) -> bool {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
    !matches!(name, "" | "." | "..") && name.bytes().all(unreserved)
}

#[cfg(test)]
mod tests;
