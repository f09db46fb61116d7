//! Spellings of one path: what some server, router or framework may take for it. Pure.

use std::collections::BTreeSet;

/// Put before or after each slash.
const INSERTED: [&str; 20] = [
    "/",
    "./",
    "../",
    "x/../",
    "x/..;/",
    ".;/",
    "%2e/",
    "%2e%2e/",
    "x/%2e%2e/",
    "x%2f../",
    ";/",
    ";x=1/",
    "\\",
    "%5c",
    "%2f",
    "%252f",
    "%00",
    "%20",
    "%09",
    "%c0%af",
];

/// Put behind the whole path.
const ENDINGS: [&str; 28] = [
    "/", "//", "/.", "/x/..", "/x/..%2f", "/%2e", ".json", "/.json", ";", ";x=1", ";x=1/..", "?", "?x", "#",
    "%23", "%3f", "%00", "%00.png", "%20", "%09", "%0a", "%2f", "%5c", "\\", "%", "%ff", "*", "~",
];

/// Put before the whole path.
const STARTS: [&str; 20] = [
    "/",
    "//",
    "/.",
    "/./",
    "/x/..",
    "/..",
    "/../..",
    "/%2e%2e",
    "/x/..;",
    "/;x",
    "//host",
    "/\\host",
    "/%2f",
    "http://wallet",
    "HTTP://wallet",
    "https://wallet",
    "http://user@wallet",
    "http:",
    "file://",
    "wallet",
];

/// The spellings of a path as bytes of a request target, without the proper one. None has a space or a line
/// end, which would end the request line.
pub(super) fn spellings(path: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (at, c) in path.char_indices() {
        let Some((before, after)) = path.split_at_checked(at) else { continue };
        let rest = after.get(c.len_utf8()..).unwrap_or_default();
        for spelt in written_otherwise(c) {
            all.insert(format!("{before}{spelt}{rest}"));
        }
        if c == '/' {
            all.extend(INSERTED.iter().map(|piece| format!("{before}{piece}{after}")));
            all.extend(INSERTED.iter().map(|piece| format!("{before}/{piece}{rest}")));
        }
    }
    all.extend(ENDINGS.iter().map(|end| format!("{path}{end}")));
    all.extend(STARTS.iter().map(|start| format!("{start}{path}")));
    let inner = path.trim_start_matches('/');
    all.extend([
        path.to_uppercase(),
        path.replace('/', "\\"),
        path.replace('/', "//"),
        path.replace('s', "ſ").replace('k', "\u{212a}"),
        format!("/{}", inner.replace('/', "\\")),
        format!("/{}", inner.replace('/', "%2f")),
    ]);
    all.remove(path);
    all
}

/// One character in the forms that decoders take for it.
fn written_otherwise(c: char) -> Vec<String> {
    let Ok(byte) = u8::try_from(c) else { return Vec::new() };
    let overlong = format!("%{:02x}%{:02x}", 0xc0 | (byte >> 6), 0x80 | (byte & 0x3f));
    let mut forms = vec![format!("%{byte:02x}"), format!("%25{byte:02x}"), format!("%u{byte:04x}"), overlong];
    if c.is_ascii_alphabetic() {
        forms.push(char::from(byte ^ 0x20).to_string());
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_hundreds_and_none_is_the_proper_one_or_ends_the_request_line() {
        let path = "/api/wallet/fund";
        let all = spellings(path);
        assert!(all.len() > 200, "{}", all.len());
        assert!(!all.contains(path));
        for spelling in &all {
            assert!(!spelling.contains([' ', '\r', '\n']), "{spelling:?}");
        }
        for known in [
            "/api/wallet/%66und",
            "/api//wallet/fund",
            "/API/WALLET/FUND",
            "/api/wallet/fund/",
            "/api/x/../wallet/fund",
        ] {
            assert!(all.contains(known), "{known}");
        }
    }

    #[test]
    fn other_characters_than_ascii_do_no_harm() {
        assert!(spellings("/ä/ß").len() > 50);
    }
}
