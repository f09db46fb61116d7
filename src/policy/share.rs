//! A share of a hundred, as policies write it: `1%`, `0.25%`.

use std::fmt;

/// More than nothing and at most all of it, in hundred-millionths: a policy may write six digits after
/// the point of a percentage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

const WHOLE: u32 = 100_000_000;
const PERCENT: u32 = WHOLE / 100;
const MOST_DECIMALS: usize = 6;

impl Share {
    /// One percent.
    pub const ONE_PERCENT: Self = Self(PERCENT);

    /// Reads `1%` or `0.25%`. `None` when it is not written like that, nothing, or more than all.
    pub fn parse(text: &str) -> Option<Self> {
        let number = text.strip_suffix('%')?;
        let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole) || !is_number(decimals) || decimals.len() > MOST_DECIMALS {
            return None;
        }
        let percents: u32 = whole.parse().ok().filter(|percents| *percents <= 100)?;
        let millionths: u32 = format!("{decimals:0<MOST_DECIMALS$}").parse().ok()?;
        let share = percents * PERCENT + millionths;
        (1..=WHOLE).contains(&share).then_some(Self(share))
    }

    /// As a number from 0 to 1.
    pub fn ratio(self) -> f64 {
        f64::from(self.0) / f64::from(WHOLE)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = format!("{:06}", self.0 % PERCENT);
        let decimals = decimals.trim_end_matches('0');
        let point = if decimals.is_empty() { "" } else { "." };
        write!(f, "{}{point}{decimals}%", self.0 / PERCENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_shown_as_it_would_be_written() {
        for written in ["1%", "0.25%", "0.000001%", "100%", "99.999999%"] {
            assert_eq!(Share::parse(written).unwrap().to_string(), written);
        }
        assert_eq!(Share::parse("01.50%").unwrap().to_string(), "1.5%");
        assert_eq!(Share::parse("1%"), Some(Share::ONE_PERCENT));
        assert!((Share::parse("0.25%").unwrap().ratio() - 0.0025).abs() < 1e-12);
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for bad in
            ["", "%", "1", "1 %", "0%", "0.0000001%", "100.000001%", "101%", "-1%", "1.%", ".5%", "1e1%"]
        {
            assert_eq!(Share::parse(bad), None, "{bad}");
        }
    }
}
