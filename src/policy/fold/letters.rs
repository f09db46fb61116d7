//! Look-alikes: which characters some reader takes for the same letter.

use icu_normalizer::DecomposingNormalizer;

/// The text with every look-alike replaced: compatibility forms (full-width, mathematical, circled, …)
/// by the plain character, case and accents gone, slashes and backslashes of other scripts by the ASCII
/// ones, invisible characters removed.
pub fn plain_letters(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in DecomposingNormalizer::new_nfkd().normalize_iter(text.chars()) {
        match c {
            _ if is_invisible(c) => {}
            // Combining marks, so that an accent-insensitive reader is covered.
            '\u{0300}'..='\u{036f}' => {}
            // Fraction, division, big and modifier solidus.
            '\u{2044}' | '\u{2215}' | '\u{29f8}' | '\u{2571}' => plain.push('/'),
            '\u{2216}' | '\u{29f5}' | '\u{29f9}' | '\u{2572}' => plain.push('\\'),
            '\u{2024}' | '\u{3002}' => plain.push('.'),
            c if c.is_ascii() => plain.push(c.to_ascii_lowercase()),
            // Up and down again: `ſ` and `ı` only meet `s` and `i` as capitals, the Kelvin sign only as
            // a small letter.
            c => plain.extend(c.to_uppercase().flat_map(char::to_lowercase)),
        }
    }
    plain
}

/// Characters that are not drawn and that some readers drop: soft hyphen, zero-width characters,
/// direction marks, variation selectors, the byte order mark.
pub fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{fff0}'..='\u{fffd}' | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_become_the_plain_letters() {
        for alike in [
            "FUND",
            "ｆｕｎｄ",
            "ＦＵＮＤ",
            "𝐟𝐮𝐧𝐝",
            "ⓕⓤⓝⓓ",
            "fünd",
            "f\u{200b}und",
            "fu\u{ad}nd\u{feff}",
            "ᶠᵘⁿᵈ",
        ] {
            assert_eq!(plain_letters(alike), "fund", "{alike:?}");
        }
        assert_eq!(plain_letters("ſıKİﬁß"), "sikifiss");
        assert_eq!(plain_letters("a／b∕c⁄d＼e．f"), "a/b/c/d\\e.f");
    }

    #[test]
    fn other_scripts_stay() {
        assert_eq!(plain_letters("баланс/余额"), "баланс/余额");
    }
}
