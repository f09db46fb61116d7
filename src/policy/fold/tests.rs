use super::*;
use proptest::prelude::*;

fn readings(path: &str) -> Vec<String> {
    match fold(path.as_bytes()) {
        Folded::Readings(forms) => forms.iter().map(|f| String::from_utf8_lossy(f).into_owned()).collect(),
        Folded::Ambiguous => panic!("{path:?} is ambiguous"),
    }
}

#[test]
fn a_plain_path_has_one_reading() {
    for path in ["/", "/api/wallet/fund", "/API/x_1/a-b~c", "/img/logo.v2.png", "/u/a@b.c:1", "/fund/"] {
        assert!(is_plain(path.as_bytes()), "{path:?}");
        assert_eq!(readings(path).len(), 1, "{path:?}");
    }
}

#[test]
fn a_path_with_anything_special_is_not_plain() {
    for path in [
        "", "*", "fund", "//fund", "/a//b", "/./a", "/a/.", "/a/..", "/a/../b", "/fund.", "/fund./x",
        "/.env", "/a%20", "/a;b", "/a+b", "/a\\b", "/a b", "/ä", "/a//", "/a?b", "/a#b", "/a|b", "/a\"b",
    ] {
        assert!(!is_plain(path.as_bytes()), "{path:?}");
    }
}

#[test]
fn every_known_trick_has_the_protected_path_among_its_readings() {
    for trick in [
        "/api/wallet/%66und",
        "/api/wallet/%2566und",
        "/api/wallet/%25252566und",
        "/api%2fwallet%2Ffund",
        "/api/wallet%252ffund",
        "/api%5cwallet%5Cfund",
        "/api\\wallet\\fund",
        "//api/wallet/fund",
        "/api//wallet///fund//",
        "/api/./wallet/fund/.",
        "/api/x/../wallet/fund",
        "/api/wallet/fund/x/..%2f",
        "/api/wallet/fund/x%2fy/%2e%2e",
        "/api/wallet/fund;a%2f..",
        "/api/wallet/fund;jsessionid=1",
        "/api/wallet/fund;x/y/z",
        "/api;x/wallet;y/fund;z",
        "/x/..;/api/wallet/fund",
        "/x/%2e%2e;/api/wallet/fund",
        "/api/wallet/fund%00.png",
        "/api/wallet/fund%3fx=1",
        "/api/wallet/fund%23x",
        "/api/wallet/fund%253fx",
        "/api/wallet/fund%20",
        "/api/wallet/fund+",
        "/api/wallet/fund%09",
        "/api/wallet/fund.",
        "/api/wallet./fund...",
        "/api/wallet/fu%0and",
        "/x/.%%0909./api/wallet/fund",
        "/api/wallet/fu%ffnd",
        "/api%c0%afwallet%e0%80%affund",
        "/api/wallet/%c1%a6und",
        "/api/wallet/%c1%26und",
        "/api/wal%c1%c0%a5acet/fund",
        "/api/wallet/%u0066und",
        "/api%u2215wallet/fund",
        "/api/wallet/%ef%bd%86und",
        "/api／wallet／fund",
        "/api/wallet/ＦＵＮＤ",
        "/api/wallet/%ef%bc%a6und",
        "/api/wallet/fu%e2%80%8bnd",
        "//host/api/wallet/fund",
        "///user@host:80/api/wallet/fund",
        "/\\host/api/wallet/fund",
        "/%5chost/api/wallet/fund",
        "/api/a//../wallet/fund",
        "/api/a//../../wallet/fund",
        "/api/%252e%252e/api/wallet/fund",
        "/api/wallet/FUND",
        "/%61%70%69/%77%61%6c%6c%65%74/%66%75%6e%64",
    ] {
        assert!(readings(trick).iter().any(|r| r == "/api/wallet/fund"), "{trick:?}: {:?}", readings(trick));
    }
    assert!(readings("/API/ſend/K").iter().any(|r| r == "/api/send/k"));
}

#[test]
fn what_is_encoded_too_often_is_ambiguous() {
    let deep = format!("/api/wallet/%{}66und", "25".repeat(8));
    assert_eq!(fold(deep.as_bytes()), Folded::Ambiguous);
    let wide: String = (0..40).map(|i| format!("//a;{i}%2f..%5c%3b%3f%c0%af")).collect();
    assert_eq!(fold(wide.as_bytes()), Folded::Ambiguous);
}

#[test]
fn six_levels_of_encoding_are_followed_and_no_seventh() {
    let encoded = |levels: usize| format!("/api/wallet/%{}66und", "25".repeat(levels - 1));
    assert!(readings(&encoded(6)).contains(&"/api/wallet/fund".to_owned()));
    assert_eq!(fold(encoded(7).as_bytes()), Folded::Ambiguous);
}

#[test]
fn ordinary_encoded_paths_have_few_readings() {
    for path in [
        "/files/My%20Documents/r%C3%A9sum%C3%A9%20(final).pdf",
        "/users/jane%2Bdoe%40example.com/wallets",
        "/search/50%25%20off",
        "/img/a+b/../c.png",
        "/a//b/c;v=1",
    ] {
        assert!(readings(path).len() <= 16, "{path:?}: {:?}", readings(path));
    }
}

fn folds_to_itself(path: &str) {
    let Folded::Readings(first) = fold(path.as_bytes()) else { return };
    for reading in &first {
        let Folded::Readings(second) = fold(reading) else { panic!("{path:?}") };
        assert!(second.iter().all(|again| first.contains(again)), "{path:?}");
    }
}

#[test]
fn a_host_is_looked_for_with_and_without_merged_slashes() {
    folds_to_itself("/%5c..%5ca/.");
}

/// The same readings, and how much work they were.
fn work(path: &[u8]) -> (Folded, usize) {
    let mut search = Search::default();
    let folded = match search.run(path) {
        Ok(()) => Folded::Readings(search.readings.into_iter().collect()),
        Err(TooMuch) => Folded::Ambiguous,
    };
    (folded, search.work.0)
}

#[test]
fn what_a_path_costs_is_known() {
    for (path, at_most) in [
        ("/files/My%20Documents/r%C3%A9sum%C3%A9%20(final).pdf".to_owned(), 4_000),
        (format!("/{}", "%D0%B1".repeat(340)), 15_000),
        (format!("/{}", "%E4%BD%99".repeat(225)), 15_000),
        (format!("/{}", "R%C3%A9sum%C3%A9%20x/".repeat(100)), 36_000),
    ] {
        let (folded, spent) = work(path.as_bytes());
        assert_ne!(folded, Folded::Ambiguous);
        assert!(spent <= at_most, "{} bytes cost {spent}: {path:?}", path.len());
    }
}

/// Four for each byte, and 128 for the one action.
#[test]
fn a_path_is_looked_at_while_there_is_work_left_for_its_last_byte() {
    let path = |length: usize| format!("/{}", "a".repeat(length - 1)).into_bytes();
    let longest = (MAX_WORK - ACTION) / 4;
    assert_eq!(work(&path(longest)), (Folded::Readings(vec![path(longest)]), MAX_WORK));
    assert_eq!(work(&path(longest + 1)), (Folded::Ambiguous, 0));
}

/// Pieces that have many readings, or long ones, or are dear to look at.
fn nasty_piece() -> impl Strategy<Value = Vec<u8>> {
    let pieces: Vec<&[u8]> = vec![
        b"/",
        b"//",
        b"\\",
        b"%5c",
        b"%2f",
        b"%252f",
        b"%25",
        b"%",
        b";",
        b";/",
        b"%3b",
        b".",
        b"..",
        b"/../",
        b"/./",
        b"%2e",
        b"..;/",
        b"?",
        b"%3f",
        b"%00",
        b"+",
        b"%20",
        b" ",
        b"a",
        b"B",
        b"%c0%af",
        b"%c0/",
        b"\xc0\xaf",
        b"%e0%80%af",
        b"\xff",
        b"%ff",
        b"%u2215",
        b"%u002f",
        b"%uff0e",
        b"%EF%B7%BA",
        "\u{fdfa}".as_bytes(),
        "\u{33af}".as_bytes(),
        "%E3%8E%AF".as_bytes(),
        "½".as_bytes(),
        "⑽".as_bytes(),
        "\u{200b}".as_bytes(),
        "ＦＵＮＤ".as_bytes(),
        "／".as_bytes(),
        "．".as_bytes(),
        "баланс".as_bytes(),
        "a\u{308}".as_bytes(),
        b".json",
    ];
    (prop::sample::select(pieces), prop_oneof![4 => 1..4_usize, 1 => 1..600_usize])
        .prop_map(|(piece, times)| piece.repeat(times))
}

/// Up to 64 KiB.
fn nasty_path() -> impl Strategy<Value = Vec<u8>> {
    (prop::collection::vec(nasty_piece(), 0..40), prop_oneof![4 => Just(1_usize), 1 => 1..200_usize])
        .prop_map(|(pieces, times)| {
            let mut path = [&b"/"[..], &pieces.concat().repeat(times)].concat();
            path.truncate(64 * 1024);
            path
        })
}

fn any_path() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "/", "//", ".", "..", "a", "B", "fund", ";", "?", "#", "%2f", "%2e", "%25", "%", "%5c", "\\", " ",
        "+", "%00", "%c0%af", "ä", "／", "%u002f", "~", "0",
    ]);
    prop::collection::vec(part, 0..8).prop_map(|parts| format!("/{}", parts.concat()))
}

proptest! {
    #[test]
    fn folding_a_reading_again_gives_nothing_new(path in any_path()) {
        folds_to_itself(&path);
    }

    #[test]
    fn no_path_is_more_work_than_allowed(path in nasty_path()) {
        let (folded, spent) = work(&path);
        prop_assert!(spent <= MAX_WORK, "{} bytes cost {}", path.len(), spent);
        prop_assert_eq!(folded == Folded::Ambiguous, fold(&path) == Folded::Ambiguous);
    }

    #[test]
    fn no_step_is_left_out_that_gives_another_form(path in nasty_path()) {
        let path = path.get(..2_000).unwrap_or(&path);
        for decoded in [path.to_vec(), decode(path).unwrap_or_default()] {
            let contents = Contents::of(&decoded);
            let called_for = |step: &&steps::Step| contents.has(step.changes);
            let forms: Vec<_> = steps::STEPS.iter().filter(called_for).filter_map(|s| (s.apply)(&decoded)).collect();
            for step in &steps::STEPS {
                let Some(changed) = (step.apply)(&decoded) else { continue };
                prop_assert!(forms.contains(&changed), "{:?} becomes {:?}", decoded, changed);
                prop_assert!(changed.len() <= steps::longest(decoded.len()));
            }
        }
    }

    #[test]
    fn folding_takes_any_bytes(path in prop::collection::vec(any::<u8>(), 0..200)) {
        if is_plain(&path) {
            prop_assert_eq!(fold(&path), Folded::Readings(vec![canonical(&path)]));
        } else {
            fold(&path);
        }
    }
}
