//! Durations and sizes on the command line.

use std::time::Duration;

/// Reads `250ms`, `30s`, `5m`, `1h` or `7d`.
///
/// # Errors
/// A sentence that says what to write.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let expected =
        || format!("`{text}` is no duration: write a whole number and a unit, such as 250ms, 30s, 5m or 1h");
    let number: u64 = number.parse().map_err(|_| expected())?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(expected()),
    };
    match number.checked_mul(millis) {
        Some(0) | None => Err(format!("`{text}` is out of range: write at least 1ms")),
        Some(total) => Ok(Duration::from_millis(total)),
    }
}

/// Reads a number of bytes: `65536`, `64KiB` or `1MiB`.
///
/// # Errors
/// A sentence that says what to write.
pub fn size(text: &str) -> Result<usize, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let expected = || format!("`{text}` is no size: write a number of bytes, or one with KiB or MiB");
    let number: usize = number.parse().map_err(|_| expected())?;
    let factor = match unit {
        "" | "B" => 1,
        "KiB" => 1024,
        "MiB" => 1024 * 1024,
        _ => return Err(expected()),
    };
    number.checked_mul(factor).filter(|bytes| *bytes > 0).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_need_their_units() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3600)));
        assert_eq!(size("64KiB"), Ok(65_536));
        assert_eq!(size("10"), Ok(10));
        for bad in
            ["", "s", "5", "0s", "-1s", "1.5s", "5 s", "99999999999999999999s", "18446744073709551615h"]
        {
            assert!(duration(bad).is_err(), "{bad:?} was taken");
        }
        for bad in ["", "KiB", "0", "1GB", "64 KiB"] {
            assert!(size(bad).is_err(), "{bad:?} was taken");
        }
    }
}
