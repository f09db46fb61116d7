//! Look-alikes: which characters some reader takes for the same letter.
//!
//! Only ASCII matters: names of routes and fields are made of it. A character that stands for no ASCII text
//! is like none of them, so it stays as it is and costs nothing.

use std::sync::LazyLock;

use icu_normalizer::DecomposingNormalizer;

/// The text with every look-alike replaced: compatibility forms (full-width, mathematical, circled, …)
/// and letters with accents by plain small letters, slashes and backslashes of other scripts by the ASCII
/// ones, invisible characters removed. ASCII stays as it is, in its case.
///
/// At most twice as long as `text`: what a character stands for is at most twice as long as the character.
pub fn plain_letters(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match stands_for(c) {
            Some(ascii) => plain.push_str(ascii),
            None => plain.push(c),
        }
    }
    plain
}

/// Whether [`plain_letters`] replaces the character.
pub fn is_look_alike(c: char) -> bool {
    stands_for(c).is_some()
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

/// White space, control and invisible characters, and `+`, which is a space to some.
pub fn is_white(c: char) -> bool {
    c.is_whitespace() || c.is_control() || c == '+' || is_invisible(c)
}

/// Where the characters are that stand for ASCII, few others among them. Invisible ones may lie outside.
const RANGES: [(char, char); 30] = [
    ('\u{00a0}', '\u{0233}'),
    ('\u{02b0}', '\u{0385}'),
    ('\u{1d2c}', '\u{1dbb}'),
    ('\u{1e00}', '\u{1ef9}'),
    ('\u{1fbd}', '\u{20a8}'),
    ('\u{2100}', '\u{2189}'),
    ('\u{2215}', '\u{2216}'),
    ('\u{2260}', '\u{226f}'),
    ('\u{2460}', '\u{24ea}'),
    ('\u{2571}', '\u{2572}'),
    ('\u{29f5}', '\u{29f9}'),
    ('\u{2a74}', '\u{2a76}'),
    ('\u{2c7c}', '\u{2c7d}'),
    ('\u{3000}', '\u{3002}'),
    ('\u{3250}', '\u{325f}'),
    ('\u{32b1}', '\u{32cf}'),
    ('\u{3371}', '\u{33ff}'),
    ('\u{a7f1}', '\u{a7f4}'),
    ('\u{fb00}', '\u{fb06}'),
    ('\u{fb29}', '\u{fb29}'),
    ('\u{fe10}', '\u{fe6b}'),
    ('\u{ff01}', '\u{ff61}'),
    ('\u{ffe3}', '\u{ffe3}'),
    ('\u{107a5}', '\u{107a5}'),
    ('\u{1ccd6}', '\u{1ccf9}'),
    ('\u{1d400}', '\u{1d6a6}'),
    ('\u{1d7ce}', '\u{1d7ff}'),
    ('\u{1df95}', '\u{1df95}'),
    ('\u{1f100}', '\u{1f190}'),
    ('\u{1fbf0}', '\u{1fbf9}'),
];

/// What each character of each range stands for. Worked out once, since a long path may hold thousands.
static STANDS_FOR: LazyLock<Vec<Vec<Option<Box<str>>>>> =
    LazyLock::new(|| RANGES.iter().map(|(first, last)| (*first..=*last).map(work_out).collect()).collect());

/// The ASCII text that some reader takes the character for; empty when it drops it.
fn stands_for(c: char) -> Option<&'static str> {
    if c.is_ascii() {
        return None;
    }
    if is_invisible(c) {
        return Some("");
    }
    let range = RANGES.partition_point(|(_, last)| *last < c);
    let place = u32::from(c).checked_sub(u32::from(RANGES.get(range)?.0))?;
    STANDS_FOR.get(range)?.get(usize::try_from(place).ok()?)?.as_deref()
}

fn work_out(c: char) -> Option<Box<str>> {
    let mut ascii = String::new();
    for c in DecomposingNormalizer::new_nfkd().normalize_iter(std::iter::once(c)) {
        match c {
            _ if is_invisible(c) => {}
            // Combining marks, so that an accent-insensitive reader is covered.
            '\u{0300}'..='\u{036f}' => {}
            // Fraction, division, big and modifier solidus.
            '\u{2044}' | '\u{2215}' | '\u{29f8}' | '\u{2571}' => ascii.push('/'),
            '\u{2216}' | '\u{29f5}' | '\u{29f9}' | '\u{2572}' => ascii.push('\\'),
            '\u{3002}' => ascii.push('.'),
            // Up and down again: `ſ` and `ı` only meet `s` and `i` as capitals, the Kelvin sign only as
            // a small letter.
            c => ascii.extend(c.to_uppercase().flat_map(char::to_lowercase)),
        }
    }
    ascii.is_ascii().then(|| ascii.into_boxed_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_become_the_plain_letters() {
        for alike in [
            "fund",
            "ｆｕｎｄ",
            "ＦＵＮＤ",
            "𝐟𝐮𝐧𝐝",
            "ⓕⓤⓝⓓ",
            "fünd",
            "fu\u{308}nd",
            "f\u{200b}und",
            "fu\u{ad}nd\u{feff}",
            "ᶠᵘⁿᵈ",
        ] {
            assert_eq!(plain_letters(alike), "fund", "{alike:?}");
        }
        assert_eq!(plain_letters("ſı\u{212a}İﬁß"), "sikifiss");
        assert_eq!(plain_letters("a／b∕c⁄d⧸e╱f"), "a/b/c/d/e/f");
        assert_eq!(plain_letters("a＼b∖c⧵d⧹e╲f"), "a\\b\\c\\d\\e\\f");
        assert_eq!(plain_letters("a．b\u{2024}c。d｡e"), "a.b.c.d.e");
        assert_eq!(plain_letters("FUND"), "FUND");
    }

    #[test]
    fn other_scripts_and_long_ligatures_stay() {
        for text in ["баланс/余额", "ЙЁ", "\u{fdfa}\u{fdfb}", "㌀㍿", "한국어"] {
            assert_eq!(plain_letters(text), text);
            assert!(!text.chars().any(is_look_alike));
        }
    }

    /// Without the ranges, and so for every character there is.
    #[test]
    fn every_character_that_stands_for_ascii_is_in_a_range() {
        for c in '\u{80}'..=char::MAX {
            assert_eq!(stands_for(c), work_out(c).as_deref(), "U+{:04X}", u32::from(c));
        }
    }

    /// What bounds the work: a longer path cannot come of it than twice the path.
    #[test]
    fn nothing_stands_for_more_than_twice_its_own_length() {
        for c in '\u{80}'..=char::MAX {
            assert!(stands_for(c).unwrap_or_default().len() <= 2 * c.len_utf8(), "U+{:04X}", u32::from(c));
        }
    }
}
