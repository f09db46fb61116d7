//! Numbers as people read them.

/// A chance in percent, rounded up to two digits that count: a bound must not look smaller than it is.
pub(super) fn percent(chance: f64) -> String {
    format!("{}%", up(chance * 100.0))
}

/// A number, rounded up in the same way.
pub(super) fn up(number: f64) -> String {
    const MOST_DECIMALS: i32 = 9;
    if number <= 0.0 {
        return "0".to_owned();
    }
    if number >= 100.0 {
        return thousands(number.ceil() as u64);
    }
    let decimals = (1 - number.log10().floor() as i32).clamp(0, MOST_DECIMALS);
    let scale = 10_f64.powi(decimals);
    // What is a whole number but for the error of floating-point arithmetic stays one.
    let rounded = (number * scale * (1.0 - 1e-12)).ceil() / scale;
    let shown = format!("{rounded:.*}", usize::try_from(decimals).unwrap_or_default());
    if shown.contains('.') { shown.trim_end_matches('0').trim_end_matches('.').to_owned() } else { shown }
}

/// A whole number with a comma after every three digits.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// `1 lock`, `2 locks`.
pub(super) fn count(number: u64, one: &str) -> String {
    format!("{} {one}{}", thousands(number), if number == 1 { "" } else { "s" })
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chance_never_looks_smaller_than_it_is() {
        for (chance, shown) in [
            (0.0, "0%"),
            (0.00876, "0.88%"),
            (0.01, "1%"),
            (0.010_000_1, "1.1%"),
            (42e-6, "0.0042%"),
            (1e-9, "0.0000001%"),
            (1.0, "100%"),
            (0.5, "50%"),
            (0.123_4, "13%"),
            (1e-15, "0.000000001%"),
        ] {
            assert_eq!(percent(chance), shown);
        }
        assert_eq!(up(1_234.2), "1,235");
    }

    #[test]
    fn numbers_and_lists_read_well() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([1, 2].map(|n| count(n, "lock")), ["1 lock", "2 locks"]);
        let items = |n: usize| ["a", "b", "c"].iter().take(n).map(|s| (*s).to_owned()).collect::<Vec<_>>();
        assert_eq!([0, 1, 2, 3].map(|n| listed(&items(n))), ["", "a", "a and b", "a, b and c"]);
    }
}
