//! When a certificate ends. Reads as much DER (X.690) as leads to `notAfter` of RFC 5280, section 4.1. Pure.

use std::time::Duration;

use crate::domain::time::Timestamp;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The end of the certificate's validity; `None` when it cannot be read.
pub(super) fn not_after(der: &[u8]) -> Option<Timestamp> {
    let (_, certificate, _) = element(der, Some(SEQUENCE))?;
    let (_, mut rest, _) = element(certificate, Some(SEQUENCE))?;
    if rest.first() == Some(&VERSION) {
        rest = element(rest, None)?.2;
    }
    // Serial number, signature algorithm, issuer.
    for _ in 0..3 {
        rest = element(rest, None)?.2;
    }
    let (_, validity, _) = element(rest, Some(SEQUENCE))?;
    let (_, _, end) = element(validity, None)?;
    let (tag, text, _) = element(end, None)?;
    time(tag, std::str::from_utf8(text).ok()?)
}

/// The first element: its tag, its content, and what follows.
fn element(der: &[u8], expected: Option<u8>) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        if bytes.len() > 4 {
            return None;
        }
        (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
    };
    let (content, rest) = rest.split_at_checked(length)?;
    expected.is_none_or(|expected| expected == *tag).then_some((*tag, content, rest))
}

/// `YYMMDDHHMMSSZ` with years from 1950 to 2049, or `YYYYMMDDHHMMSSZ`.
fn time(tag: u8, text: &str) -> Option<Timestamp> {
    let text = text.strip_suffix('Z')?;
    let digits = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, at) = match tag {
        UTC_TIME => {
            let year = digits(0, 2)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, 2)
        }
        GENERALIZED_TIME => (digits(0, 4)?, 4),
        _ => return None,
    };
    let part = |index: usize| digits(at + 2 * index, at + 2 * index + 2);
    let days = days_since_1970(year, part(0)?, part(1)?)?;
    let seconds = ((days * 24 + part(2)?) * 60 + part(3)?) * 60 + part(4)?;
    Some(Timestamp::default().plus(Duration::from_secs(seconds)))
}

fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Counted from March, so that the leap day is the last of a year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    days.checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_real_certificate_is_found() {
        let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        for (year, expected) in [(2030, "2030-02-03T00:00:00.000Z"), (2077, "2077-02-03T00:00:00.000Z")] {
            parameters.not_after = rcgen::date_time_ymd(year, 2, 3);
            let key = rcgen::KeyPair::generate().unwrap();
            let certificate = parameters.clone().self_signed(&key).unwrap();
            assert_eq!(not_after(certificate.der()).unwrap().to_iso8601(), expected);
            for cut in 0..certificate.der().len().min(120) {
                assert_eq!(not_after(&certificate.der()[..cut]), None, "{cut}");
            }
        }
    }

    #[test]
    fn times_are_read_to_the_second_and_nonsense_is_not() {
        let read = |tag, text| time(tag, text).map(|time| time.to_iso8601());
        assert_eq!(read(UTC_TIME, "240229235958Z").as_deref(), Some("2024-02-29T23:59:58.000Z"));
        assert_eq!(read(GENERALIZED_TIME, "20500101000000Z").as_deref(), Some("2050-01-01T00:00:00.000Z"));
        for (tag, text) in
            [(UTC_TIME, "24Z"), (UTC_TIME, "241301000000Z"), (2, "240101000000Z"), (UTC_TIME, "x")]
        {
            assert_eq!(read(tag, text), None, "{text}");
        }
    }
}
