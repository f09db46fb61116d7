//! The request fields that a code is tied to, in a form in which equal values are equal texts.

use std::collections::BTreeMap;

/// Named values, canonical and in name order.
///
/// `5000`, `5000.0` and `"5000"` are one amount: front ends send it as a number or as a numeric
/// string, and a code bound to one must hold for the other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Binding(BTreeMap<String, String>);

impl Binding {
    /// A binding of raw field values.
    pub fn of<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(fields.into_iter().map(|(name, value)| (name.to_owned(), canonical(value))).collect())
    }

    /// Name and canonical value, in name order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The canonical value of one field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether nothing is bound.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One text for the whole binding: `name=length:value` joined by `;`. Equal bindings have equal
    /// texts and no two different bindings share one, because every value's length is stated.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.0 {
            text.push_str(&format!("{name}={}:{value};", value.len()));
        }
        text
    }

    /// Reads [`Binding::encode`] back; `None` if the text is not one.
    pub fn decode(mut text: &str) -> Option<Self> {
        let mut fields = BTreeMap::new();
        while !text.is_empty() {
            let (name, rest) = text.split_once('=')?;
            let (length, rest) = rest.split_once(':')?;
            let length: usize = length.parse().ok()?;
            let value = rest.get(..length)?;
            text = rest.get(length..)?.strip_prefix(';')?;
            fields.insert(name.to_owned(), value.to_owned());
        }
        Some(Self(fields))
    }
}

/// Decimal numbers lose sign of zero, leading and trailing zeros and their exponent; other texts
/// only surrounding space.
fn canonical(value: &str) -> String {
    let value = value.trim();
    decimal(value).unwrap_or_else(|| value.to_owned())
}

fn decimal(text: &str) -> Option<String> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || !(-40..=40).contains(&exponent) {
        return None;
    }
    if mantissa.ends_with('.') {
        return None;
    }
    let digits = format!("{whole}{fraction}");
    let point = i32::try_from(whole.len()).ok()? + exponent;
    Some(place_point(&digits, point, negative))
}

/// Writes `0.digits × 10^point` without superfluous zeros.
fn place_point(digits: &str, point: i32, negative: bool) -> String {
    let leading_zeros = usize::try_from(-point).unwrap_or(0);
    let before_point = usize::try_from(point).unwrap_or(0);
    let padded = format!("{}{digits:0<before_point$}", "0".repeat(leading_zeros));
    let (whole, fraction) = padded.split_at(before_point);
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let number = if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") };
    if negative && number != "0" { format!("-{number}") } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_amount_has_one_text_however_it_is_written() {
        for same in ["5000", "5000.0", "05000", " 5000 ", "5e3", "5.0E+3", "50000e-1", "5000.00"] {
            assert_eq!(canonical(same), "5000", "{same:?}");
        }
        assert_eq!(canonical("0.50"), "0.5");
        assert_eq!(canonical("5e-3"), "0.005");
        assert_eq!(canonical("-0.0"), "0");
        assert_eq!(canonical("-1.50"), "-1.5");
        assert_eq!(canonical("12e10"), "120000000000");
        assert_eq!(canonical("1e40").len(), 41);
        assert_eq!(canonical("1e-40").len(), 42);
    }

    #[test]
    fn a_binding_gives_canonical_values_in_name_order() {
        let binding = Binding::of([("to", "x"), ("amount", "5000.0")]);
        assert_eq!(binding.iter().collect::<Vec<_>>(), [("amount", "5000"), ("to", "x")]);
        assert_eq!((binding.get("amount"), binding.get("from")), (Some("5000"), None));
        assert!(!binding.is_empty() && Binding::of([]).is_empty());
    }

    #[test]
    fn what_is_no_decimal_number_stays_as_it_is() {
        for text in
            ["", ".", "1.", ".5", "1e99", "1e41", "1e-41", "0x10", "1,000", "NaN", "--1", "+5", "1 000", "１"]
        {
            assert_eq!(canonical(text), text, "{text:?}");
        }
    }

    #[test]
    fn a_binding_survives_its_encoding_whatever_is_in_the_values() {
        let binding = Binding::of([("amount", "5000"), ("to", "a;b=3:c"), ("note", "")]);
        assert_eq!(Binding::decode(&binding.encode()), Some(binding));
        assert_eq!(Binding::decode(""), Some(Binding::default()));
        for broken in ["amount", "amount=4:500;", "amount=x:5;", "amount=3:500"] {
            assert_eq!(Binding::decode(broken), None, "{broken:?}");
        }
    }
}
