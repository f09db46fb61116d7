//! The one-time code itself: drawn without bias, impossible to print, wiped when dropped.

use std::fmt;

use zeroize::Zeroizing;

/// Where random bytes come from. Production has exactly one implementation, the operating system's
/// generator; tests pass a fixed one.
pub trait Entropy: Send + Sync {
    /// Fills `buffer` with unpredictable bytes.
    fn fill(&self, buffer: &mut [u8]);
}

/// How many decimal digits a code has: 6 to 10. Six is the least that NIST SP 800-63B-4 (3.1.3.2)
/// and OWASP ASVS 6.5.4 accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digits(u8);

impl Digits {
    /// The fewest digits a code may have.
    pub const MIN: u8 = 6;
    /// The most digits a code may have.
    pub const MAX: u8 = 10;

    /// A number of digits, if it is allowed.
    pub fn new(count: u8) -> Option<Self> {
        (Self::MIN..=Self::MAX).contains(&count).then_some(Self(count))
    }

    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }

    /// How many different codes there are.
    pub fn space(self) -> u64 {
        10_u64.pow(u32::from(self.0))
    }
}

/// A code. It has no `Display`, its `Debug` shows nothing, and its memory is wiped on drop; the only
/// ways out are [`Code::expose`], for the mail and the digest.
pub struct Code(Zeroizing<String>);

impl Code {
    /// Draws a code uniformly from all numbers of that many digits, leading zeros included.
    ///
    /// Numbers at or above the largest multiple of the space are thrown away: taking the remainder
    /// of any 64-bit number would favour low codes.
    pub fn draw(digits: Digits, entropy: &dyn Entropy) -> Self {
        let space = digits.space();
        let fair = u64::MAX - u64::MAX % space;
        loop {
            let mut bytes = [0_u8; 8];
            entropy.fill(&mut bytes);
            let number = u64::from_le_bytes(bytes);
            if number < fair {
                let width = usize::from(digits.get());
                return Self(Zeroizing::new(format!("{:0width$}", number % space)));
            }
        }
    }

    /// Takes what a person typed: digits only, as long as a code can be.
    ///
    /// A front end may send the code as a number, which loses leading zeros, so shorter input is
    /// padded when `padded_to` says how long codes are.
    pub fn presented(text: &str, padded_to: Option<Digits>) -> Option<Self> {
        let text = text.trim();
        let fits = !text.is_empty()
            && text.len() <= usize::from(Digits::MAX)
            && text.bytes().all(|b| b.is_ascii_digit());
        if !fits {
            return None;
        }
        let width = padded_to.map_or(0, |digits| usize::from(digits.get()));
        Some(Self(Zeroizing::new(format!("{text:0>width$}"))))
    }

    /// The digits. Call this only to send them or to digest them.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    struct Script(Mutex<Vec<u64>>);

    impl Entropy for Script {
        fn fill(&self, buffer: &mut [u8]) {
            let next = self.0.lock().unwrap().remove(0);
            buffer.copy_from_slice(&next.to_le_bytes());
        }
    }

    fn draw(numbers: &[u64]) -> String {
        let entropy = Script(Mutex::new(numbers.to_vec()));
        let code = Code::draw(Digits::new(6).unwrap(), &entropy);
        assert!(entropy.0.lock().unwrap().is_empty(), "not every number was looked at");
        code.expose().to_owned()
    }

    #[test]
    fn a_code_has_six_to_ten_digits() {
        for (count, space) in [(6, 1_000_000), (10, 10_000_000_000)] {
            let digits = Digits::new(count).unwrap();
            assert_eq!((digits.get(), digits.space()), (count, space));
        }
        assert_eq!((Digits::new(5), Digits::new(11)), (None, None));
    }

    #[test]
    fn leading_zeros_are_part_of_the_code() {
        assert_eq!(draw(&[42]), "000042");
        assert_eq!(draw(&[1_000_000]), "000000");
    }

    #[test]
    fn numbers_that_would_favour_low_codes_are_thrown_away() {
        let fair = u64::MAX - u64::MAX % 1_000_000;
        assert_eq!(draw(&[u64::MAX, fair, fair - 1]), "999999");
    }

    #[test]
    fn a_code_that_came_as_a_number_gets_its_zeros_back() {
        let six = Digits::new(6);
        assert_eq!(Code::presented("42", six).unwrap().expose(), "000042");
        assert_eq!(Code::presented(" 603645 ", six).unwrap().expose(), "603645");
        assert_eq!(Code::presented("42", None).unwrap().expose(), "42");
        assert_eq!(Code::presented("1234567890", six).unwrap().expose(), "1234567890");
        for bad in ["", " ", "12345678901", "12a456", "１２３４５６", "-12345", "+12345", "1e5"] {
            assert!(Code::presented(bad, six).is_none(), "{bad:?} was taken");
        }
    }

    #[test]
    fn a_code_does_not_show_in_debug_output() {
        let code = Code::presented("603645", None).unwrap();
        assert_eq!(format!("{code:?}"), "Code(***)");
    }
}
