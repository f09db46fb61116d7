//! What a path contains that a normalisation may change, so that only those are tried that have something
//! to do.

use super::letters;

/// A set of things that a path contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contents(u16);

impl Contents {
    /// An escape that decoding takes.
    pub const ESCAPE: Self = Self(1);
    /// An encoded slash.
    pub const ESCAPED_SLASH: Self = Self(1 << 1);
    /// `;`.
    pub const SEMICOLON: Self = Self(1 << 2);
    /// NUL, `?` or `#`.
    pub const TAIL: Self = Self(1 << 3);
    /// `\`.
    pub const BACKSLASH: Self = Self(1 << 4);
    /// White space, control or invisible characters, or `+`.
    pub const WHITE: Self = Self(1 << 5);
    /// No slash first, or two together. One at the end matters to nobody.
    pub const SLASHES: Self = Self(1 << 6);
    /// A dot segment.
    pub const DOTS: Self = Self(1 << 7);
    /// Two slashes or backslashes first.
    pub const AUTHORITY: Self = Self(1 << 8);
    /// A look-alike of ASCII, or bytes that may be an overlong spelling of it.
    pub const LOOK_ALIKE: Self = Self(1 << 9);
    /// A byte that only the overlong spellings of two bytes begin with.
    pub const OVERLONG: Self = Self(1 << 10);
    /// Bytes that are no UTF-8.
    pub const BROKEN: Self = Self(1 << 11);
    /// `%`, which may begin an escape.
    const PERCENT: Self = Self(1 << 12);
    /// `.`
    const DOT: Self = Self(1 << 13);
    /// A name that ends in dots and is not made of them.
    pub const CLOSING_DOTS: Self = Self(1 << 15);
    /// Anything beyond ASCII.
    const NOT_ASCII: Self = Self(1 << 14);
    /// Nothing that a normalisation changes.
    const NOTHING: Self = Self(0);

    /// What a path contains. Goes over it five times at most.
    pub fn of(path: &[u8]) -> Self {
        let mut found = path.iter().fold(Self::NOTHING, |found, byte| found.and(OF_BYTE[usize::from(*byte)]));
        found = found.and(of_slashes(path));
        if found.has(Self::PERCENT) {
            found = found.and(of_escapes(path));
        }
        if found.has(Self::DOT) {
            found = path.split(|&b| b == b'/').fold(found, |found, name| found.and(of_name(name)));
        }
        if found.has(Self::NOT_ASCII) {
            found = found.and(of_characters(path));
        }
        found
    }

    /// Whether anything of `these` is there.
    pub fn has(self, these: Self) -> bool {
        self.0 & these.0 != 0
    }

    const fn and(self, more: Self) -> Self {
        Self(self.0 | more.0)
    }

    fn when(self, is_there: bool) -> Self {
        if is_there { self } else { Self::NOTHING }
    }
}

/// What each byte alone tells.
const OF_BYTE: [Contents; 256] = {
    let mut of_byte = [Contents::NOTHING; 256];
    let mut byte = 0;
    while byte < 256 {
        of_byte[byte] = match byte as u8 {
            b'%' => Contents::PERCENT,
            b';' => Contents::SEMICOLON,
            b'\\' => Contents::BACKSLASH,
            b'.' => Contents::DOT,
            b'?' | b'#' => Contents::TAIL,
            0 => Contents::TAIL.and(Contents::WHITE),
            1..=b' ' | 0x7f | b'+' => Contents::WHITE,
            0xc0 | 0xc1 => Contents::NOT_ASCII.and(Contents::OVERLONG).and(Contents::LOOK_ALIKE),
            0x80.. => Contents::NOT_ASCII,
            _ => Contents::NOTHING,
        };
        byte += 1;
    }
    of_byte
};

fn of_slashes(path: &[u8]) -> Contents {
    let doubled = path.windows(2).any(|pair| pair == b"//");
    let missing = !matches!(path, [] | [b'/', ..]);
    let authority = matches!(path, [b'/' | b'\\', b'/' | b'\\', ..]);
    Contents::SLASHES.when(doubled || missing).and(Contents::AUTHORITY.when(authority))
}

fn of_escapes(path: &[u8]) -> Contents {
    let percents = path.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    percents.filter_map(|(at, _)| escape(path.get(at..)?)).fold(Contents::NOTHING, |found, escape| {
        found.and(Contents::ESCAPE).and(Contents::ESCAPED_SLASH.when(escape.0 == u32::from(b'/')))
    })
}

fn of_name(name: &[u8]) -> Contents {
    let closing_dots = trim_dots(name).len() < name.len();
    Contents::DOTS.when(is_dots(name)).and(Contents::CLOSING_DOTS.when(closing_dots))
}

fn of_characters(path: &[u8]) -> Contents {
    let mut found = Contents::NOTHING;
    for chunk in path.utf8_chunks() {
        for c in chunk.valid().chars().filter(|c| !c.is_ascii()) {
            found = found
                .and(Contents::LOOK_ALIKE.when(letters::is_look_alike(c)))
                .and(Contents::WHITE.when(letters::is_white(c)));
        }
        if let [first, ..] = chunk.invalid() {
            let overlong = matches!(first, 0xe0 | 0xf0 | 0xf8 | 0xfc);
            found = found.and(Contents::BROKEN).and(Contents::LOOK_ALIKE.when(overlong));
        }
    }
    found
}

/// The value of the escape that `text` starts with, and how many bytes it takes.
pub fn escape(text: &[u8]) -> Option<(u32, usize)> {
    let digits = |range: std::ops::Range<usize>| {
        text.get(range)?
            .iter()
            .try_fold(0, |value, &digit| Some(value * 16 + char::from(digit).to_digit(16)?))
    };
    match text {
        [b'%', b'u' | b'U', ..] => digits(2..6).map(|value| (value, 6)),
        [b'%', ..] => digits(1..3).map(|value| (value, 3)),
        _ => None,
    }
}

/// The name without the dots that it ends in, unless it is nothing but dots.
pub fn trim_dots(segment: &[u8]) -> &[u8] {
    match segment.iter().rposition(|&b| b != b'.') {
        Some(last) => segment.get(..=last).unwrap_or_default(),
        None => segment,
    }
}

/// Whether a segment means this or the parent folder.
pub fn is_dots(segment: &[u8]) -> bool {
    matches!(segment, b"." | b"..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &[u8], expected: &[Contents]) {
        let expected = expected.iter().fold(Contents::NOTHING, |all, one| all.and(*one));
        let inner = Contents::PERCENT.and(Contents::DOT).and(Contents::NOT_ASCII);
        let found = Contents(Contents::of(path).0 & !inner.0);
        assert_eq!(found, expected, "{:?}", String::from_utf8_lossy(path));
    }

    #[test]
    fn what_a_step_may_change_is_found() {
        check(b"/api/wallet/fund.json", &[]);
        check(b"/a/", &[]);
        check("/баланс/余额".as_bytes(), &[]);
        check(b"/100%/%zz%u12", &[]);
        check(b"/%66", &[Contents::ESCAPE]);
        check(b"/%u002f", &[Contents::ESCAPE, Contents::ESCAPED_SLASH]);
        check(b"/%2F", &[Contents::ESCAPE, Contents::ESCAPED_SLASH]);
        check(b"/a;b\\c", &[Contents::SEMICOLON, Contents::BACKSLASH]);
        check(b"/a?b#c", &[Contents::TAIL]);
        check(b"/a\0", &[Contents::TAIL, Contents::WHITE]);
        for white in ["/a b", "/a+b", "/a\u{7f}", "/a\u{85}"] {
            check(white.as_bytes(), &[Contents::WHITE]);
        }
        for closing in ["/a.", "/a./b", "/a../b"] {
            check(closing.as_bytes(), &[Contents::CLOSING_DOTS]);
        }
        for invisible in ["/a\u{a0}b", "/a\u{200b}b"] {
            check(invisible.as_bytes(), &[Contents::WHITE, Contents::LOOK_ALIKE]);
        }
        for slashes in ["a", "/a//b", "/a//"] {
            check(slashes.as_bytes(), &[Contents::SLASHES]);
        }
        check(b"//a", &[Contents::SLASHES, Contents::AUTHORITY]);
        check(b"/\\a", &[Contents::BACKSLASH, Contents::AUTHORITY]);
        check(b"/a/../b", &[Contents::DOTS]);
        check("/ｆund".as_bytes(), &[Contents::LOOK_ALIKE]);
        check(b"/\xff", &[Contents::BROKEN]);
        check(b"/\xe0\x80\xaf", &[Contents::BROKEN, Contents::LOOK_ALIKE]);
        check(b"/\xc0\x2f", &[Contents::BROKEN, Contents::LOOK_ALIKE, Contents::OVERLONG]);
        check(b"", &[]);
    }
}
