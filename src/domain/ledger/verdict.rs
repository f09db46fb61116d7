//! What an examination says about the code that a person typed.

use super::examine::{Examination, Examined, ExaminedCode};
use crate::domain::challenge::Phase;
use crate::domain::id::Reference;

/// Why a code passes, or does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is right, and would be accepted unless the person is locked out.
    Right,
    /// It was right, and has expired.
    Expired,
    /// It was right, and a newer challenge took the place of its own, or an operator revoked it.
    Superseded,
    /// It was right, and has been used.
    Used,
    /// It is right, and a request holds it: the wallet is being asked, or what it did is unknown.
    Reserved,
    /// It is right for another challenge of this person than the one it was presented for.
    OtherReference,
    /// It is right once the zeros are put back that it lost at its beginning.
    Shortened,
    /// It has another number of digits than codes of this purpose.
    Digits,
    /// The stored codes were made with keys that are not known here: nothing could be compared.
    UnknownKey,
    /// It was compared with everything that is stored, and is none of it.
    Wrong,
    /// There is no challenge to compare it with: never made, or forgotten.
    NoChallenge,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Right,
        Self::Expired,
        Self::Superseded,
        Self::Used,
        Self::Reserved,
        Self::OtherReference,
        Self::Shortened,
        Self::Digits,
        Self::UnknownKey,
        Self::Wrong,
        Self::NoChallenge,
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
            Self::Used => "used",
            Self::Reserved => "reserved",
            Self::OtherReference => "other_reference",
            Self::Shortened => "shortened",
            Self::Digits => "digits",
            Self::UnknownKey => "unknown_key",
            Self::Wrong => "wrong",
            Self::NoChallenge => "no_challenge",
        }
    }
}

/// What was typed, without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Typed {
    /// How many digits it has.
    pub digits: usize,
    /// How many digits codes of the purpose in question have, if that is known.
    pub expected: Option<usize>,
}

/// What the challenges say about the code. `asked` is the one that it was presented for, if that is known;
/// else any may match.
pub fn verdict(examined: &[Examination], asked: Option<&Reference>, typed: Typed) -> Verdict {
    let is_asked = |examination: &&Examination| asked.is_none_or(|asked| examination.reference == *asked);
    let found = |examination: &Examination| examination.found.clone();
    let wanted: Vec<Examined> = examined.iter().filter(is_asked).filter_map(found).collect();
    let others: Vec<Examined> = examined.iter().filter(|one| !is_asked(one)).filter_map(found).collect();
    if let Some(verdict) = best_match(&wanted, typed) {
        return verdict;
    }
    if best_match(&others, typed).is_some() {
        return Verdict::OtherReference;
    }
    if wanted.is_empty() {
        return Verdict::NoChallenge;
    }
    if typed.expected.is_some_and(|expected| expected != typed.digits) {
        return Verdict::Digits;
    }
    let mut codes = wanted.iter().flat_map(|challenge| &challenge.codes).peekable();
    if codes.peek().is_some() && codes.all(|code| !code.known_key) {
        return Verdict::UnknownKey;
    }
    Verdict::Wrong
}

/// What is to be said of the match that says most: one that passes, else any.
fn best_match(challenges: &[Examined], typed: Typed) -> Option<Verdict> {
    let matching = challenges.iter().flat_map(|challenge| {
        let codes = challenge.codes.iter().filter(|code| code.matches);
        codes.map(|code| of_match(&challenge.phase, code, typed))
    });
    let rank = |verdict: &Verdict| Verdict::ALL.iter().position(|one| one == verdict);
    matching.min_by_key(rank)
}

fn of_match(phase: &Phase, code: &ExaminedCode, typed: Typed) -> Verdict {
    match phase {
        Phase::Consumed => Verdict::Used,
        Phase::Reserved(_) => Verdict::Reserved,
        Phase::Superseded => Verdict::Superseded,
        Phase::Live if code.expired => Verdict::Expired,
        Phase::Live if typed.expected.is_some_and(|expected| typed.digits < expected) => Verdict::Shortened,
        Phase::Live => Verdict::Right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::{Purpose, RequestId};
    use crate::domain::keyring::KeyId;
    use crate::domain::ledger::view::CodeView;
    use crate::domain::time::Timestamp;

    const SIX: Typed = Typed { digits: 6, expected: Some(6) };

    fn code(expired: bool, known_key: bool, matches: bool) -> ExaminedCode {
        let code = CodeView {
            issued_at: Timestamp::default(),
            expires_at: Timestamp::default(),
            key: KeyId::parse("k1").unwrap(),
        };
        ExaminedCode { code, expired, known_key, matches }
    }

    fn reference(text: &str) -> Reference {
        Reference::parse(text).unwrap()
    }

    fn examined(name: &str, phase: Phase, codes: Vec<ExaminedCode>) -> Examination {
        let purpose = Purpose::parse("wallet_funding").unwrap();
        let found = Examined { purpose, phase, remembered_until: Timestamp::default(), codes };
        Examination { reference: reference(name), found: Some(found) }
    }

    fn check(examined: &[Examination], typed: Typed, expected: Verdict) {
        assert_eq!(verdict(examined, Some(&reference("FUND-1")), typed), expected);
    }

    #[test]
    fn a_matching_code_is_told_by_what_became_of_its_challenge() {
        let request = RequestId::parse(&"0".repeat(32)).unwrap();
        for (phase, expired, expected) in [
            (Phase::Live, false, Verdict::Right),
            (Phase::Live, true, Verdict::Expired),
            (Phase::Reserved(request), false, Verdict::Reserved),
            (Phase::Consumed, true, Verdict::Used),
            (Phase::Superseded, false, Verdict::Superseded),
        ] {
            let codes = vec![code(true, true, false), code(expired, true, true)];
            check(&[examined("FUND-1", phase, codes)], SIX, expected);
        }
    }

    #[test]
    fn of_several_matches_the_one_that_passes_is_told() {
        let (expired, live) = (code(true, true, true), code(false, true, true));
        for codes in [vec![expired.clone(), live.clone()], vec![live, expired]] {
            check(&[examined("FUND-1", Phase::Live, codes)], SIX, Verdict::Right);
        }
    }

    #[test]
    fn a_code_of_another_challenge_is_told_as_that() {
        let mine = examined("FUND-1", Phase::Live, vec![code(false, true, false)]);
        let other = examined("FUND-2", Phase::Live, vec![code(false, true, true)]);
        check(&[mine, other.clone()], SIX, Verdict::OtherReference);
        let unknown = Examination { reference: reference("FUND-1"), found: None };
        check(&[unknown, other.clone()], SIX, Verdict::OtherReference);
        assert_eq!(verdict(&[other], None, SIX), Verdict::Right);
    }

    #[test]
    fn a_code_that_matches_nothing_is_told_by_what_there_was_to_compare() {
        check(&[], SIX, Verdict::NoChallenge);
        check(&[Examination { reference: reference("FUND-1"), found: None }], SIX, Verdict::NoChallenge);
        let live = |codes| [examined("FUND-1", Phase::Live, codes)];
        check(&live(vec![code(false, true, false)]), SIX, Verdict::Wrong);
        check(&live(vec![code(false, false, false), code(true, false, false)]), SIX, Verdict::UnknownKey);
        check(&live(vec![code(false, false, false), code(true, true, false)]), SIX, Verdict::Wrong);
        let seven = Typed { digits: 7, expected: Some(6) };
        check(&live(vec![code(false, true, false)]), seven, Verdict::Digits);
    }

    #[test]
    fn a_code_that_lost_its_zeros_is_told_as_that() {
        let five = Typed { digits: 5, expected: Some(6) };
        check(&[examined("FUND-1", Phase::Live, vec![code(false, true, true)])], five, Verdict::Shortened);
        check(&[examined("FUND-1", Phase::Live, vec![code(false, true, false)])], five, Verdict::Digits);
    }

    #[test]
    fn every_verdict_has_a_word_of_its_own() {
        let words: std::collections::BTreeSet<_> = Verdict::ALL.iter().map(|one| one.as_str()).collect();
        assert_eq!(words.len(), Verdict::ALL.len());
    }
}
