//! Facts in human words, for mails.

use std::time::Duration;

use crate::domain::id::Purpose;
use crate::domain::time::{Civil, Timestamp};

/// The longest that a bound value gets in a mail, in characters.
const LONGEST_VALUE: usize = 64;

/// What a code is for, as it completes "a code to …".
pub fn action(purpose: &Purpose) -> String {
    match purpose.as_str() {
        "wallet_funding" => "fund your wallet".to_owned(),
        "wallet_deduction" => "confirm a purchase".to_owned(),
        other => format!("confirm: {}", other.replace(['_', '-'], " ")),
    }
}

/// `17 January 2026, 10:00 UTC`.
pub fn moment(at: Timestamp) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let Civil { year, month, day, hour, minute, .. } = at.to_civil();
    let month = usize::try_from(month).ok().and_then(|month| MONTHS.get(month.checked_sub(1)?));
    format!("{day} {} {year}, {hour:02}:{minute:02} UTC", month.copied().unwrap_or_default())
}

/// `5 minutes`, `1 minute 30 seconds`. Parts of a second are left out.
pub fn length(duration: Duration) -> String {
    let counted = |count: u64, unit: &str| match count {
        1 => format!("1 {unit}"),
        _ => format!("{count} {unit}s"),
    };
    let seconds = duration.as_secs();
    match (seconds / 60, seconds % 60) {
        (0, seconds) => counted(seconds, "second"),
        (minutes, 0) => counted(minutes, "minute"),
        (minutes, seconds) => format!("{} {}", counted(minutes, "minute"), counted(seconds, "second")),
    }
}

/// An amount with its thousands grouped: `5000` as `5,000`. What is no plain decimal number is only
/// made [`harmless`].
pub fn amount(text: &str) -> String {
    let (sign, unsigned) = text.strip_prefix('-').map_or(("", text), |unsigned| ("-", unsigned));
    let (whole, fraction) =
        unsigned.split_once('.').map_or((unsigned, None), |(whole, rest)| (whole, Some(rest)));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !fraction.is_none_or(is_number) || text.len() > LONGEST_VALUE {
        return harmless(text);
    }
    let mut grouped = sign.to_owned();
    for (index, digit) in whole.char_indices() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if let Some(fraction) = fraction {
        grouped.push('.');
        grouped.push_str(fraction);
    }
    grouped
}

/// A value of a request as it may stand in a mail. Whoever holds a stolen token chooses it, and the
/// mail goes to the victim: so it keeps letters, digits and a few signs, stays on one line, is cut,
/// and nothing in it can become a link or a further address.
pub fn harmless(text: &str) -> String {
    let chars: Vec<char> = text.chars().take(LONGEST_VALUE).collect();
    let is_digit = |index: Option<usize>| {
        index.and_then(|index| chars.get(index)).is_some_and(|c: &char| c.is_ascii_digit())
    };
    let keep = |(index, &c): (usize, &char)| match c {
        '.' if is_digit(index.checked_sub(1)) && is_digit(index.checked_add(1)) => c,
        ',' | '-' | '_' | '+' | '#' => c,
        _ if c.is_alphanumeric() => c,
        _ => ' ',
    };
    chars.iter().enumerate().map(keep).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_read_as_actions() {
        let of = |name| action(&Purpose::parse(name).unwrap());
        assert_eq!(of("wallet_funding"), "fund your wallet");
        assert_eq!(of("wallet_deduction"), "confirm a purchase");
        assert_eq!(of("change_phone-number"), "confirm: change phone number");
    }

    #[test]
    fn moments_and_lengths_read_as_people_say_them() {
        assert_eq!(moment(Timestamp::from_millis(1_768_644_000_000)), "17 January 2026, 10:00 UTC");
        assert_eq!(moment(Timestamp::from_millis(951_868_799_999)), "29 February 2000, 23:59 UTC");
        assert_eq!(moment(Timestamp::default()), "1 January 1970, 00:00 UTC");
        for (seconds, text) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (59, "59 seconds"),
            (60, "1 minute"),
            (90, "1 minute 30 seconds"),
            (121, "2 minutes 1 second"),
            (300, "5 minutes"),
        ] {
            assert_eq!(length(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn amounts_are_grouped_and_only_amounts() {
        for (text, shown) in [
            ("0", "0"),
            ("999", "999"),
            ("5000", "5,000"),
            ("123456", "123,456"),
            ("10000000", "10,000,000"),
            ("-1234.5", "-1,234.5"),
            ("1234.5678", "1,234.5678"),
            ("5000 NGN", "5000 NGN"),
            ("1.", "1"),
            (".5", "5"),
            ("", ""),
            ("-", "-"),
        ] {
            assert_eq!(amount(text), shown, "{text:?}");
        }
    }

    #[test]
    fn a_bound_value_cannot_carry_a_link_a_line_or_markup_into_a_mail() {
        for (text, shown) in [
            ("https://evil.example/x", "https   evil example x"),
            ("5000\r\nCall 555", "5000  Call 555"),
            ("<b>x</b>", "b x  b"),
            ("a@evil.example", "a evil example"),
            ("v1.2", "v1.2"),
            ("evil.c0m.1x", "evil c0m 1x"),
            ("\u{1a}", ""),
            ("\u{202e}gnp", "gnp"),
            ("Zürich", "Zürich"),
        ] {
            assert_eq!(harmless(text), shown, "{text:?}");
        }
        assert_eq!(harmless(&"9".repeat(500)).len(), LONGEST_VALUE);
        assert_eq!(amount(&"9".repeat(LONGEST_VALUE + 1)), "9".repeat(LONGEST_VALUE));
        assert_eq!(amount(&"9".repeat(LONGEST_VALUE)).matches(',').count(), (LONGEST_VALUE - 1) / 3);
    }
}
