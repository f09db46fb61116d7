//! Queries and `application/x-www-form-urlencoded` bodies (WHATWG URL, "urlencoded parsing"), strictly.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::{MAX_NAME, MAX_NAMES};

/// Names and values, decoded, in the order of the text. Names may repeat; see [`duplicate`].
pub type Pairs = Vec<(String, String)>;

/// Reads the query of a request target.
///
/// # Errors
/// A sentence that says what is wrong: a broken escape, no UTF-8, a field without a name or with a long one,
/// too many fields, or a `;`, which separates fields for some readers only.
pub fn parse_query(query: &str) -> Result<Pairs, String> {
    if query.contains(';') {
        return Err("the query holds a `;`: write %3B".to_owned());
    }
    parse(query.as_bytes(), "query")
}

/// Reads names and values; an empty text has none. `what` is the word for it in refusals.
pub(super) fn parse(text: &[u8], what: &str) -> Result<Pairs, String> {
    if text.is_empty() {
        return Ok(Pairs::new());
    }
    let mut pairs = Pairs::new();
    for field in text.split(|&b| b == b'&') {
        let mut halves = field.splitn(2, |&b| b == b'=');
        let name = decode(halves.next().unwrap_or_default(), what)?;
        let value = decode(halves.next().unwrap_or_default(), what)?;
        if name.is_empty() {
            return Err(format!("the {what} has a field without a name"));
        }
        if name.len() > MAX_NAME {
            return Err(format!("the {what} has a field whose name is longer than {MAX_NAME} bytes"));
        }
        if pairs.len() >= MAX_NAMES {
            return Err(format!("the {what} has more than {MAX_NAMES} fields"));
        }
        pairs.push((name, value));
    }
    Ok(pairs)
}

/// A name that occurs twice.
pub(super) fn duplicate(pairs: &Pairs) -> Option<&str> {
    let mut seen = HashSet::new();
    pairs.iter().map(|(name, _)| name.as_str()).find(|name| !seen.insert(*name))
}

/// Names and values as a query or a form, in one spelling.
pub fn serialise_pairs(pairs: &Pairs) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        encode(name, &mut text);
        text.push('=');
        encode(value, &mut text);
    }
    text
}

fn decode(text: &[u8], what: &str) -> Result<String, String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let escape = after.split_at_checked(2).and_then(|(digits, after)| {
                    rest = after;
                    digits.iter().try_fold(0, |value, &d| Some(value * 16 + char::from(d).to_digit(16)?))
                });
                match escape.and_then(|value| u8::try_from(value).ok()) {
                    Some(0) => return Err(format!("the {what} holds the character U+0000")),
                    Some(value) => value,
                    None => return Err(format!("the {what} has a `%` without two digits")),
                }
            }
            0x21..=0x7e | 0x80.. => byte,
            _ => return Err(format!("the {what} holds white space or a control character: encode it")),
        });
    }
    String::from_utf8(decoded).map_err(|_| format!("the {what} is not UTF-8"))
}

/// Everything but RFC 3986's unreserved characters is encoded, so that no reader sees a separator.
fn encode(value: &str, text: &mut String) {
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte))
            }
            _ => {
                // Writing to a string cannot fail.
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: Option<&[(&str, &str)]>) {
        let owned = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<Pairs>()
        };
        assert_eq!(parse_query(text).ok(), expected.map(owned), "{text:?}");
    }

    #[test]
    fn names_and_values_are_decoded() {
        check("", Some(&[]));
        check("purpose=wallet_funding", Some(&[("purpose", "wallet_funding")]));
        check("a%5Bb%5D=1+2&c=%C3%A4%2b&d&e==", Some(&[("a[b]", "1 2"), ("c", "ä+"), ("d", ""), ("e", "=")]));
    }

    #[test]
    fn what_two_readers_may_read_differently_is_refused() {
        for text in [
            "a=%", "a=%4", "a=%zz", "a=%+1", "a=%ff", "a=%c0%af", "=1", "a=1&", "&a=1", "a=1&&b=2",
            "a=1;b=2", "a=%00", "a b=1", "a=\n",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn long_names_and_many_fields_are_refused() {
        let complaint = |query: &str| parse_query(query).unwrap_err();
        assert!(parse_query(&vec!["a"; 256].join("&")).is_ok());
        assert_eq!(complaint(&vec!["a"; 257].join("&")), "the query has more than 256 fields");
        assert!(parse_query(&"%61".repeat(128)).is_ok());
        let long = "the query has a field whose name is longer than 128 bytes";
        assert_eq!(complaint(&"a".repeat(129)), long);
        assert_eq!(complaint(&"%C3%A4".repeat(65)), long);
    }

    #[test]
    fn repeated_names_are_found_in_any_spelling() {
        assert_eq!(duplicate(&parse_query("a=1&b=2&%61=3").unwrap()), Some("a"));
        assert_eq!(duplicate(&parse_query("a=1&A=2").unwrap()), None);
    }

    proptest! {
        #[test]
        fn what_was_written_reads_back(pairs in prop::collection::vec(("[^\u{0}]{1,6}", "[^\u{0}]{0,6}"), 0..6)) {
            prop_assert_eq!(parse_query(&serialise_pairs(&pairs)), Ok(pairs));
        }
    }
}
