//! Texts to values: numbers, lengths of time, words, names, selectors, paths, headers, networks.
//!
//! Each function reports what is wrong and then has no value; the caller goes on with the rest.

use std::ops::RangeInclusive;
use std::time::Duration;

use http::{HeaderName, Method};

use super::diagnostic::{Code, Collector};
use super::document::tree::Text;
use super::field::{Field, Source};
use super::nearest::suggestion;
use super::share::Share;
use super::snapshot::Network;
use crate::domain::id::InvalidId;

/// A whole number within a range.
pub fn number(text: &Text, range: RangeInclusive<u32>, out: &mut Collector<'_>) -> Option<u32> {
    let digits = !text.text.is_empty() && text.text.bytes().all(|b| b.is_ascii_digit());
    let (low, high) = (range.start(), range.end());
    let value = text.text.parse().ok().filter(|number| digits && range.contains(number));
    if value.is_none() {
        let problem = if digits { "is out of range" } else { "is not a whole number" };
        out.report(Code::Number, text.at, format!("`{}` {problem}", text.text))
            .advise(format!("write a number from {low} to {high}"));
    }
    value
}

/// A length of time such as `90s`, `5m`, `24h` or `7d`, within a range.
pub fn span(text: &Text, range: RangeInclusive<Duration>, out: &mut Collector<'_>) -> Option<Duration> {
    let (low, high) = (show_span(*range.start()), show_span(*range.end()));
    let Some(value) = parse_span(&text.text) else {
        out.report(Code::Span, text.at, format!("`{}` is not a length of time", text.text))
            .advise(format!("write a whole number and s, m, h or d, from {low} to {high}"));
        return None;
    };
    if range.contains(&value) {
        return Some(value);
    }
    out.report(Code::Span, text.at, format!("`{}` is out of range", text.text))
        .advise(format!("write a length of time from {low} to {high}"));
    None
}

fn parse_span(text: &str) -> Option<Duration> {
    let split = text.len().checked_sub(1).filter(|at| text.is_char_boundary(*at))?;
    let (digits, unit) = text.split_at(split);
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(Duration::from_secs(count.saturating_mul(seconds)))
}

/// A length of time as policies write it.
pub fn show_span(span: Duration) -> String {
    let seconds = span.as_secs();
    for (unit, length) in [("d", 24 * 60 * 60), ("h", 60 * 60), ("m", 60)] {
        if seconds > 0 && seconds.is_multiple_of(length) {
            return format!("{}{unit}", seconds / length);
        }
    }
    format!("{seconds}s")
}

/// A share such as `1%` or `0.25%`.
pub fn share(text: &Text, out: &mut Collector<'_>) -> Option<Share> {
    let share = Share::parse(&text.text);
    if share.is_none() {
        let split = text.text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.text.len());
        let (number, unit) = text.text.split_at(split);
        let is_percent = ["", "%", "percent", "pct"].contains(&unit.trim());
        let advice = match Share::parse(&format!("{number}%")).filter(|_| is_percent) {
            Some(meant) => format!("write `{meant}`"),
            None => "write a number and %, such as `1%`, from 0.000001% to 100%".to_owned(),
        };
        out.report(Code::Share, text.at, format!("`{}` is not a share of a hundred", text.text))
            .advise(advice);
    }
    share
}

/// One of a few words.
pub fn word<T: Copy>(text: &Text, words: &[(&'static str, T)], out: &mut Collector<'_>) -> Option<T> {
    let found = words.iter().find(|(word, _)| *word == text.text).map(|(_, value)| *value);
    if found.is_none() {
        let known = words.iter().map(|(word, _)| *word);
        out.report(Code::Word, text.at, format!("`{}` is not possible here", text.text))
            .advise(suggestion(&text.text, known));
    }
    found
}

/// A name that the policy gives to one of its parts.
pub fn name<T>(
    text: &Text,
    parse: impl Fn(&str) -> Result<T, InvalidId>,
    out: &mut Collector<'_>,
) -> Option<T> {
    match parse(&text.text) {
        Ok(name) => Some(name),
        Err(error) => {
            let message = format!("`{}` is not a name", text.text);
            out.report(Code::Name, text.at, message).advise(format!("a name {error}"));
            None
        }
    }
}

/// A selector that looks in one of the allowed places.
pub fn selector(text: &Text, allowed: &[Source], out: &mut Collector<'_>) -> Option<Field> {
    let field = match Field::parse(&text.text) {
        Ok(field) => field,
        Err(error) => {
            let (problem, advice) = split_advice(&error.0);
            out.report(Code::Selector, text.at, problem).advise(advice);
            return None;
        }
    };
    if allowed.contains(&field.source) {
        return Some(field);
    }
    let forms: Vec<String> = allowed.iter().map(|source| format!("`{}…`", source.prefix())).collect();
    let message = format!("`{}` looks in the wrong place", text.text);
    out.report(Code::WrongSource, text.at, message).advise(format!("write {}", forms.join(" or ")));
    None
}

/// A path that a route can have: literal segments and `{parameters}`.
pub fn path<'a>(text: &'a Text, out: &mut Collector<'_>) -> Option<&'a str> {
    let path = text.text.as_str();
    let problem = match path.strip_prefix('/') {
        None => Some("does not begin with `/`"),
        Some(_) if path.len() > 1_000 => Some("is longer than 1,000 characters"),
        Some(rest) => {
            rest.strip_suffix('/').unwrap_or(rest).split('/').find_map(|s| segment_problem(s, rest))
        }
    };
    match problem {
        None => Some(path),
        Some(problem) => {
            out.report(Code::Path, text.at, format!("`{path}` {problem}"))
                .advise("write it as the backend's router knows it, such as `/api/wallet/{id}/fund`");
            None
        }
    }
}

fn segment_problem(segment: &str, rest: &str) -> Option<&'static str> {
    let is_literal = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    if rest.is_empty() {
        return None;
    }
    if let Some(inner) = segment.strip_prefix('{') {
        let name = inner.strip_suffix('}').unwrap_or_default();
        let named = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        return (!named).then_some("has a parameter that is not a whole segment such as `{id}`");
    }
    match segment {
        "" => Some("has an empty segment"),
        "." | ".." => Some("has a dot segment"),
        _ if segment.contains('%') => Some("is percent-encoded"),
        _ if segment.contains(['?', '#']) => Some("has a query or a fragment"),
        _ if segment.contains(['{', '}']) => {
            Some("has a parameter that is not a whole segment such as `{id}`")
        }
        _ if !segment.bytes().all(is_literal) => {
            Some("has a character other than letters, digits and `-._~`")
        }
        _ if segment.ends_with('.') => Some("has a segment that ends with a dot"),
        _ => None,
    }
}

/// A method that a route can decide on.
pub fn method(text: &Text, out: &mut Collector<'_>) -> Option<Method> {
    const KNOWN: [(&str, Method); 6] = [
        ("GET", Method::GET),
        ("POST", Method::POST),
        ("PUT", Method::PUT),
        ("PATCH", Method::PATCH),
        ("DELETE", Method::DELETE),
        ("OPTIONS", Method::OPTIONS),
    ];
    if let Some((_, method)) = KNOWN.iter().find(|(name, _)| *name == text.text) {
        return Some(method.clone());
    }
    let advice = if text.text.eq_ignore_ascii_case("head") {
        "write `GET`: HEAD counts as GET".to_owned()
    } else {
        suggestion(&text.text, KNOWN.iter().map(|(name, _)| *name))
    };
    out.report(Code::Method, text.at, format!("a route cannot decide on `{}`", text.text)).advise(advice);
    None
}

/// A request header that may be taken away.
pub fn removable_header(text: &Text, out: &mut Collector<'_>) -> Option<HeaderName> {
    const NEEDED: [&str; 5] = ["host", "content-length", "transfer-encoding", "content-type", "connection"];
    let Ok(header) = HeaderName::from_bytes(text.text.as_bytes()) else {
        out.report(Code::Header, text.at, format!("`{}` is not a header name", text.text))
            .advise("write a name such as `x-forwarded-user`");
        return None;
    };
    if NEEDED.contains(&header.as_str()) {
        let message = format!("`{header}` cannot be taken away: it says how the request is read");
        out.report(Code::Header, text.at, message).advise("leave it out");
        return None;
    }
    Some(header)
}

/// A network in CIDR notation; an address alone is a network of one.
pub fn network(text: &Text, out: &mut Collector<'_>) -> Option<Network> {
    match Network::parse(&text.text) {
        Ok(network) => Some(network),
        Err(error) => {
            let (problem, advice) = split_advice(&error.0);
            out.report(Code::Network, text.at, problem).advise(advice);
            None
        }
    }
}

/// Sentences of the form `what is wrong: what to write`, in their two parts.
fn split_advice(sentence: &str) -> (&str, &str) {
    match [": write ", ": use "].iter().find_map(|mark| sentence.rfind(mark)) {
        Some(at) => (sentence.get(..at).unwrap_or(sentence), sentence.get(at + 2..).unwrap_or_default()),
        None => (sentence, "write a selector such as `request.body.amount`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::diagnostic::{At, Collector};

    fn text(text: &str) -> Text {
        Text { text: text.to_owned(), at: At::default() }
    }

    #[test]
    fn lengths_of_time_have_one_number_and_one_unit() {
        for (written, seconds) in [("0s", 0), ("90s", 90), ("5m", 300), ("24h", 86_400), ("31d", 2_678_400)] {
            assert_eq!(parse_span(written), Some(Duration::from_secs(seconds)), "{written}");
        }
        for bad in ["", "s", "5", "5 m", "-5m", "1h30m", "5M", "1.5h", "5µ", "+5m", "99999999999999999999s"]
        {
            assert_eq!(parse_span(bad), None, "{bad:?}");
        }
        assert_eq!(parse_span(&format!("{}d", u64::MAX)), Some(Duration::from_secs(u64::MAX)));
    }

    #[test]
    fn a_length_of_time_is_shown_as_it_would_be_written() {
        for written in ["0s", "90s", "5m", "36h", "1d"] {
            assert_eq!(show_span(parse_span(written).unwrap()), written);
        }
    }

    #[test]
    fn both_ends_of_a_range_belong_to_it() {
        let mut out = Collector::new(&[]);
        assert_eq!(number(&text("6"), 6..=10, &mut out), Some(6));
        assert_eq!(number(&text("10"), 6..=10, &mut out), Some(10));
        let minute = Duration::from_secs(60)..=Duration::from_secs(120);
        assert!(span(&text("1m"), minute.clone(), &mut out).is_some());
        assert!(span(&text("2m"), minute.clone(), &mut out).is_some());
        assert!(!out.has_errors());
        for bad in ["5", "11", "+7", "7.0", "", "0x7", "99999999999"] {
            assert_eq!(number(&text(bad), 6..=10, &mut out), None, "{bad:?}");
        }
        assert!(span(&text("59s"), minute.clone(), &mut out).is_none());
        assert!(span(&text("121s"), minute, &mut out).is_none());
        assert_eq!(out.finish().len(), 9);
    }

    #[test]
    fn a_path_is_refused_for_what_is_wrong_with_it() {
        for (written, problem) in [
            ("a", "does not begin with `/`"),
            ("/a//b", "has an empty segment"),
            ("/a/./b", "has a dot segment"),
            ("/a/..", "has a dot segment"),
            ("/%61", "is percent-encoded"),
            ("/a?b", "has a query or a fragment"),
            ("/x{a}", "has a parameter that is not a whole segment such as `{id}`"),
            ("/{a", "has a parameter that is not a whole segment such as `{id}`"),
            ("/a;b", "has a character other than letters, digits and `-._~`"),
            ("/a.", "has a segment that ends with a dot"),
        ] {
            let mut out = Collector::new(&[]);
            assert!(path(&text(written), &mut out).is_none());
            let message = format!("`{written}` {problem}");
            assert_eq!(out.finish().iter().next().unwrap().message, message);
        }
    }

    #[test]
    fn a_path_is_literal_segments_and_whole_parameters() {
        let mut out = Collector::new(&[]);
        let longest = format!("/{}", "a".repeat(999));
        for good in ["/", "/a", "/a/", "/a/{id}/b", "/{user_id}", "/api/v1.0/x_y-z~", &longest] {
            assert!(path(&text(good), &mut out).is_some(), "{good}");
        }
        assert!(path(&text(&format!("{longest}a")), &mut out).is_none());
        for bad in [
            "", "a", "//", "/a//b", "/a/../b", "/.", "/%61", "/a?b", "/a#b", "/{}", "/{a", "/x{a}",
            "/{a}{b}", "/{a-b}", "/a.", "/a;b", "/a b", "/ä", "/a\\b",
        ] {
            assert!(path(&text(bad), &mut out).is_none(), "{bad}");
        }
    }
}
