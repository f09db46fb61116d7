//! The single normalisations that some server, framework or library is known to apply to a path.
//! Each takes a path and gives the changed one, or `None` when there is nothing for it to change.

use super::contents::{Contents, escape, is_dots, trim_dots};
use super::letters::{self, is_white};

/// One normalisation.
pub struct Step {
    /// On a path that contains nothing of this it gives no form that another step does not give.
    pub changes: Contents,
    /// The changed path, never longer than [`longest`] says; `None` when nothing changes.
    pub apply: fn(&[u8]) -> Option<Vec<u8>>,
    /// Whether it decodes, which is done to a limited depth.
    pub decodes: bool,
}

/// All of them.
pub const STEPS: [Step; 15] = [
    decoding(Contents::ESCAPE, decode),
    decoding(Contents::ESCAPED_SLASH, decode_all_but_slash),
    step(Contents::SEMICOLON, cut_parameters),
    step(Contents::SEMICOLON, cut_at_semicolon),
    step(Contents::TAIL, cut_tail),
    step(Contents::BACKSLASH, turn_backslashes),
    step(Contents::LOOK_ALIKE, unify_letters),
    step(Contents::OVERLONG, unify_letters_loosely),
    step(Contents::WHITE, strip_white),
    step(Contents::CLOSING_DOTS, strip_closing_dots),
    step(Contents::BROKEN, drop_broken),
    step(Contents::SLASHES, merge_slashes),
    step(Contents::DOTS, remove_dots),
    step(Contents::DOTS, remove_dots_and_empty),
    step(Contents::AUTHORITY, drop_authority),
];

const fn step(changes: Contents, apply: fn(&[u8]) -> Option<Vec<u8>>) -> Step {
    Step { changes, apply, decodes: false }
}

const fn decoding(changes: Contents, apply: fn(&[u8]) -> Option<Vec<u8>>) -> Step {
    Step { changes, apply, decodes: true }
}

/// How long a path of this length can become by one step: look-alikes may double it.
pub const fn longest(path: usize) -> usize {
    2 * path
}

/// Percent-decodes once, `%uXXXX` included; what is no valid escape stays.
pub fn decode(path: &[u8]) -> Option<Vec<u8>> {
    decode_except(path, |_| false)
}

/// The same, but an encoded slash stays encoded.
pub fn decode_all_but_slash(path: &[u8]) -> Option<Vec<u8>> {
    decode_except(path, |byte| byte == b'/')
}

fn decode_except(path: &[u8], keeps: fn(u8) -> bool) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&first, after)) = rest.split_first() {
        match escape(rest) {
            Some((value, length)) if !u8::try_from(value).is_ok_and(keeps) => {
                push_code(value, length > 3, &mut decoded);
                rest = rest.get(length..).unwrap_or_default();
            }
            _ => {
                decoded.push(first);
                rest = after;
            }
        }
    }
    (decoded != path).then_some(decoded)
}

fn push_code(value: u32, is_character: bool, decoded: &mut Vec<u8>) {
    match (u8::try_from(value), char::from_u32(value)) {
        (Ok(byte), _) if !is_character || byte.is_ascii() => decoded.push(byte),
        (_, Some(c)) => decoded.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        // Half a surrogate pair has no character.
        (_, None) => decoded.extend_from_slice("\u{fffd}".as_bytes()),
    }
}

/// Cuts `;…` off every segment, as servlet containers do.
fn cut_parameters(path: &[u8]) -> Option<Vec<u8>> {
    let bare: Vec<&[u8]> = path.split(|&b| b == b'/').map(|segment| until(segment, b";")).collect();
    let bare = bare.join(&b'/');
    (bare.len() < path.len()).then_some(bare)
}

/// Cuts everything from the first `;`, which some routers take for the start of a query.
fn cut_at_semicolon(path: &[u8]) -> Option<Vec<u8>> {
    let head = until(path, b";");
    (head.len() < path.len()).then(|| head.to_vec())
}

/// Cuts everything from a NUL, `?` or `#` that came to light by decoding.
fn cut_tail(path: &[u8]) -> Option<Vec<u8>> {
    let head = until(path, b"\0?#");
    (head.len() < path.len()).then(|| head.to_vec())
}

fn turn_backslashes(path: &[u8]) -> Option<Vec<u8>> {
    path.contains(&b'\\').then(|| path.iter().map(|&b| if b == b'\\' { b'/' } else { b }).collect())
}

/// Replaces look-alikes and characters in overlong UTF-8 by what a lenient reader sees.
fn unify_letters(path: &[u8]) -> Option<Vec<u8>> {
    unify(path, |second| (0x80..0xc0).contains(&second))
}

/// The same for a decoder that looks only at the low bits of a second byte.
fn unify_letters_loosely(path: &[u8]) -> Option<Vec<u8>> {
    unify(path, |_| true)
}

fn unify(path: &[u8], continues: fn(u8) -> bool) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(path.len());
    for chunk in shorten(path, continues).utf8_chunks() {
        plain.extend_from_slice(letters::plain_letters(chunk.valid()).as_bytes());
        // Kept: decoding once more may complete it.
        plain.extend_from_slice(chunk.invalid());
    }
    (plain != path).then_some(plain)
}

/// Rewrites ASCII characters that are spelt in more bytes than they need (RFC 3629, section 10).
fn shorten(path: &[u8], continues: fn(u8) -> bool) -> Vec<u8> {
    let low = |byte: u8| byte & 0x3f;
    let mut short = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((&first, after)) = rest.split_first() {
        let (byte, length) = match *rest {
            [lead @ (0xc0 | 0xc1), second, ..] if continues(second) => (((lead & 1) << 6) | low(second), 2),
            [0xe0, second @ (0x80 | 0x81), third, ..] => (((second & 1) << 6) | low(third), 3),
            [0xf0, 0x80, third @ (0x80 | 0x81), fourth, ..] => (((third & 1) << 6) | low(fourth), 4),
            [0xf8, 0x80, 0x80, fourth @ (0x80 | 0x81), fifth, ..] => (((fourth & 1) << 6) | low(fifth), 5),
            [0xfc, 0x80, 0x80, 0x80, fifth @ (0x80 | 0x81), sixth, ..] => {
                (((fifth & 1) << 6) | low(sixth), 6)
            }
            _ => {
                short.push(first);
                rest = after;
                continue;
            }
        };
        short.push(byte);
        rest = rest.get(length..).unwrap_or_default();
    }
    short
}

/// Removes white space, control and invisible characters, and a `+` (a space to some).
fn strip_white(path: &[u8]) -> Option<Vec<u8>> {
    let mut stripped = Vec::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        for c in chunk.valid().chars().filter(|c| !is_white(*c)) {
            stripped.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        stripped.extend_from_slice(chunk.invalid());
    }
    (stripped != path).then_some(stripped)
}

/// Removes the dots that names end in. Not along with white space: what is an end may still change.
fn strip_closing_dots(path: &[u8]) -> Option<Vec<u8>> {
    let bare: Vec<&[u8]> = path.split(|&b| b == b'/').map(trim_dots).collect();
    let bare = bare.join(&b'/');
    (bare.len() < path.len()).then_some(bare)
}

/// Removes bytes that are no UTF-8, as decoders that ignore errors do.
fn drop_broken(path: &[u8]) -> Option<Vec<u8>> {
    let kept: Vec<&[u8]> = path.utf8_chunks().map(|chunk| chunk.valid().as_bytes()).collect();
    let kept = kept.concat();
    (kept != path).then_some(kept)
}

/// Makes doubled slashes one.
fn merge_slashes(path: &[u8]) -> Option<Vec<u8>> {
    let mut merged = Vec::with_capacity(path.len() + 1);
    for segment in path.split(|&b| b == b'/').filter(|segment| !segment.is_empty()) {
        merged.push(b'/');
        merged.extend_from_slice(segment);
    }
    if path.last() == Some(&b'/') {
        merged.push(b'/');
    }
    (merged != path).then_some(merged)
}

/// RFC 3986, section 5.2.4: an empty segment counts as one.
fn remove_dots(path: &[u8]) -> Option<Vec<u8>> {
    has_dots(path).then(|| resolve(path, |_| false))
}

/// The same, but `..` takes the empty segments before it along with the name before those.
fn remove_dots_and_empty(path: &[u8]) -> Option<Vec<u8>> {
    has_dots(path).then(|| resolve(path, <[u8]>::is_empty))
}

fn has_dots(path: &[u8]) -> bool {
    path.split(|&b| b == b'/').any(is_dots)
}

fn resolve(path: &[u8], goes_along: fn(&[u8]) -> bool) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for (place, segment) in path.split(|&b| b == b'/').enumerate() {
        match segment {
            b"." => {}
            b".." => while kept.pop().is_some_and(goes_along) {},
            // What is before the leading slash.
            b"" if place == 0 => {}
            _ => kept.push(segment),
        }
    }
    let mut path = vec![b'/'];
    path.extend_from_slice(&kept.join(&b'/'));
    path
}

/// Takes `//host/path` for what it is in a URL: a host and a path (WHATWG URL, "special authority").
fn drop_authority(path: &[u8]) -> Option<Vec<u8>> {
    let is_separator = |b: &u8| matches!(b, b'/' | b'\\');
    let separators = path.iter().take_while(|b| is_separator(b)).count();
    if separators < 2 {
        return None;
    }
    let rest = path.get(separators..)?;
    let end = rest.iter().position(is_separator)?;
    rest.get(end..).map(<[u8]>::to_vec)
}

fn until<'a>(path: &'a [u8], ends: &[u8]) -> &'a [u8] {
    let end = path.iter().position(|b| ends.contains(b)).unwrap_or(path.len());
    path.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(step: fn(&[u8]) -> Option<Vec<u8>>, path: &[u8], expected: Option<&str>) {
        let changed = step(path);
        let changed = changed.as_deref().map(String::from_utf8_lossy);
        assert_eq!(changed.as_deref(), expected, "{:?}", String::from_utf8_lossy(path));
    }

    #[test]
    fn decoding_takes_one_level_and_leaves_broken_escapes() {
        check(decode, b"/%66%2fund", Some("/f/und"));
        check(decode, b"/%2566", Some("/%66"));
        check(decode, b"/%u0066%U002f", Some("/f/"));
        check(decode, b"/100%/%zz%u12%", None);
        check(decode, b"/%ud800", Some("/\u{fffd}"));
        // One is a character, the others are its bytes.
        check(decode, b"/%u00e9%c3%a9", Some("/\u{e9}\u{e9}"));
        check(decode_all_but_slash, b"/%2e%2e%2f%2F", Some("/..%2f%2F"));
        check(decode_all_but_slash, b"/%2f", None);
    }

    #[test]
    fn parameters_and_tails_are_cut() {
        check(cut_parameters, b"/a;x/b;y;z/..;/c", Some("/a/b/../c"));
        check(cut_at_semicolon, b"/a;x/b", Some("/a"));
        check(cut_tail, b"/a\0.png", Some("/a"));
        check(cut_tail, b"/a?b#c", Some("/a"));
        check(cut_tail, b"/a", None);
    }

    #[test]
    fn overlong_and_broken_utf8_is_read_leniently() {
        for spelt in [
            &b"\xc0\xaf"[..],
            b"\xe0\x80\xaf",
            b"\xf0\x80\x80\xaf",
            b"\xf8\x80\x80\x80\xaf",
            b"\xfc\x80\x80\x80\x80\xaf",
        ] {
            check(unify_letters, spelt, Some("/"));
        }
        for spelt in [
            &b"\xc1\xa6"[..],
            b"\xe0\x81\xa6",
            b"\xf0\x80\x81\xa6",
            b"\xf8\x80\x80\x81\xa6",
            b"\xfc\x80\x80\x80\x81\xa6",
        ] {
            check(unify_letters, &[spelt, b"und"].concat(), Some("fund"));
        }
        check(unify_letters_loosely, b"\xc0\x2f", Some("/"));
        check(drop_broken, b"/f\xffund", Some("/fund"));
    }

    #[test]
    fn a_path_may_become_twice_as_long_and_no_longer() {
        let alike = "\u{33af}".repeat(9);
        check(unify_letters, alike.as_bytes(), Some("rad/s2".repeat(9).as_str()));
        assert_eq!("rad/s2".repeat(9).len(), longest(alike.len()));
        for step in STEPS {
            for path in ["", "a", ".", "..", "a/..", "a/.", "//a", "\u{33af}"] {
                let changed = (step.apply)(path.as_bytes()).unwrap_or_default();
                assert!(changed.len() <= longest(path.len()), "{path:?}");
            }
        }
    }

    #[test]
    fn white_space_and_closing_dots_are_stripped() {
        check(strip_white, b"/f u\tn\0d+/api... /..", Some("/fund/api.../.."));
        check(strip_closing_dots, b"/fund./api.../../....", Some("/fund/api/../...."));
        check(strip_white, "/fu\u{a0}n\u{2028}d".as_bytes(), Some("/fund"));
        check(strip_white, b"/fund", None);
    }

    #[test]
    fn dots_are_removed_with_and_without_merged_slashes() {
        check(remove_dots, b"/a/./b/../c", Some("/a/c"));
        check(remove_dots, b"/a//../b", Some("/a/b"));
        check(remove_dots_and_empty, b"/a//../b", Some("/b"));
        check(remove_dots, b"/../../a/.", Some("/a"));
        check(remove_dots, b"/a/...", None);
    }

    #[test]
    fn a_path_that_begins_with_two_slashes_may_have_a_host() {
        check(drop_authority, b"//host/api", Some("/api"));
        check(drop_authority, b"/\\host\\api", Some("\\api"));
        check(drop_authority, b"///host/api", Some("/api"));
        check(drop_authority, b"//api", None);
        check(drop_authority, b"/api", None);
    }
}
