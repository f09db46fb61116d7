//! W3C Trace Context: which trace a request belongs to, read from `traceparent` and written to it.
//!
//! Knows nothing of spans or of sampling. Reading allocates nothing: it is on the path of every request.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::trace::{SpanId, TraceId};

/// The header with trace, parent and flags.
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// The header with what tracing systems add. It belongs to a `traceparent` and is worth nothing without it.
pub const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The length of a `traceparent` of version 00. Later versions may add to it.
const LENGTH: usize = 55;
const SAMPLED: u8 = 0b01;
/// Level 2: the trace id is random. Handed on as it came.
const RANDOM: u8 = 0b10;

/// A place in a trace (W3C Trace Context, section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// The trace.
    pub trace: TraceId,
    /// The span that what follows belongs to.
    pub span: SpanId,
    flags: u8,
}

impl TraceParent {
    /// A place in a trace.
    pub fn new(trace: TraceId, span: SpanId, is_sampled: bool) -> Self {
        Self { trace, span, flags: u8::from(is_sampled) }
    }

    /// The place that a request names. `None` if it names none, more than one, or one that is malformed.
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(&TRACEPARENT).iter();
        match (values.next(), values.next()) {
            (Some(only), None) => Self::parse(only.as_bytes()),
            _ => None,
        }
    }

    /// Reads the value of a header. Of a later version, the part that this one knows counts (section 4.3).
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (known, rest) = value.split_at_checked(LENGTH)?;
        let dashes = [2, 35, 52].iter().all(|place| known.get(*place) == Some(&b'-'));
        let version = hex(known.get(0..2)?)?;
        let ends_well = rest.is_empty() || (version > 0 && rest.first() == Some(&b'-'));
        if !dashes || version == 0xff || !ends_well {
            return None;
        }
        let trace = TraceId::from(hex(known.get(3..35)?)?);
        let span = SpanId::from(u64::try_from(hex(known.get(36..52)?)?).ok()?);
        let flags = u8::try_from(hex(known.get(53..55)?)?).ok()?;
        let is_valid = trace != TraceId::INVALID && span != SpanId::INVALID;
        is_valid.then_some(Self { trace, span, flags: flags & (SAMPLED | RANDOM) })
    }

    /// Whether the caller says that it may record the trace.
    pub fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The same trace, with what follows belonging to this span.
    #[must_use]
    pub fn at(self, span: SpanId, is_sampled: bool) -> Self {
        Self { span, flags: self.flags & RANDOM | u8::from(is_sampled), ..self }
    }

    /// The value of the header, in version 00.
    pub fn to_header(self) -> Option<HeaderValue> {
        HeaderValue::from_bytes(&self.encode()).ok()
    }

    fn encode(self) -> [u8; LENGTH] {
        let mut value = [b'-'; LENGTH];
        let (trace, span) =
            (u128::from_be_bytes(self.trace.to_bytes()), u64::from_be_bytes(self.span.to_bytes()));
        write_hex(value.get_mut(0..2), 0);
        write_hex(value.get_mut(3..35), trace);
        write_hex(value.get_mut(36..52), u128::from(span));
        write_hex(value.get_mut(53..55), u128::from(self.flags));
        value
    }
}

impl std::fmt::Display for TraceParent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.encode().iter().try_for_each(|byte| write!(f, "{}", char::from(*byte)))
    }
}

/// The number that these digits write. Upper-case letters are no digits here.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0_u128, |number, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}

fn write_hex(place: Option<&mut [u8]>, number: u128) {
    let mut left = number;
    for digit in place.into_iter().flatten().rev() {
        let value = (left & 0xf) as u8;
        *digit = if value < 10 { b'0' + value } else { b'a' + value - 10 };
        left >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn read(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TRACEPARENT, HeaderValue::from_str(value).unwrap());
        }
        TraceParent::read(&headers).map(|parent| parent.to_string())
    }

    #[test]
    fn a_well_formed_context_is_read_whole() {
        let parent = TraceParent::parse(EXAMPLE.as_bytes()).unwrap();
        assert_eq!(parent.trace.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(parent.span.to_string(), "00f067aa0ba902b7");
        assert!(parent.is_sampled());
        assert_eq!(parent.to_header().unwrap(), EXAMPLE);
        let unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        assert!(!TraceParent::parse(unsampled.as_bytes()).unwrap().is_sampled());
    }

    #[test]
    fn what_is_malformed_is_as_good_as_absent() {
        for bad in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00F067AA0BA902B7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0A",
            "0A-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01extra",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e47g6-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
        ] {
            assert_eq!(read(&[bad]), None, "{bad:?} was taken");
        }
        assert_eq!(read(&[EXAMPLE, EXAMPLE]), None, "two are one too many");
        assert_eq!(read(&[]), None);
    }

    #[test]
    fn of_a_later_version_the_known_part_counts_and_is_written_as_version_00() {
        for later in [
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-will-be-like",
            "fe-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
        ] {
            assert_eq!(read(&[later]).as_deref(), Some(EXAMPLE), "{later}");
        }
    }

    #[test]
    fn only_known_flags_are_handed_on() {
        for (came, sampled, goes) in [("ff", true, "03"), ("02", false, "02"), ("04", false, "00")] {
            let value = EXAMPLE.replace("-01", &format!("-{came}"));
            let parent = TraceParent::parse(value.as_bytes()).unwrap();
            assert_eq!(parent.is_sampled(), sampled, "{came}");
            assert!(parent.to_string().ends_with(&format!("-{goes}")), "{came}: {parent}");
        }
        let random = TraceParent::parse(EXAMPLE.replace("-01", "-02").as_bytes()).unwrap();
        assert!(random.at(SpanId::from(7), true).to_string().ends_with("-0000000000000007-03"));
    }

    proptest! {
        #[test]
        fn what_is_written_can_be_read(trace in 1_u128.., span in 1_u64.., sampled: bool) {
            let parent = TraceParent::new(TraceId::from(trace), SpanId::from(span), sampled);
            prop_assert_eq!(TraceParent::parse(parent.to_string().as_bytes()), Some(parent));
            let ids = format!("-{trace:032x}-{span:016x}-");
            prop_assert!(parent.to_string().contains(&ids));
        }

        #[test]
        fn no_bytes_are_too_odd_to_be_read(bytes: Vec<u8>) {
            let _any = TraceParent::parse(&bytes);
        }
    }
}
