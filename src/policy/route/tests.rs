use super::*;
use proptest::prelude::*;

const FUND: &str = "/api/wallet/fund";

fn wallet() -> RouteIndex {
    RouteIndex::build(&[
        (FUND, 0, Router::Express),
        ("/api/wallet/verify-otp", 1, Router::Express),
        ("/api/wallet/otp/verify", 1, Router::Express),
        ("/api/wallet/otp/send", 2, Router::Express),
        ("/api/wallet/otp/status", 3, Router::Express),
        (FUND, 4, Router::Express),
        ("/strict/Case", 5, Router::Strict),
        ("/strict/slash/", 6, Router::Strict),
        ("/api/wallets/{id}/fund", 7, Router::Express),
        ("/Strict/{a}/x/{b}", 8, Router::Strict),
    ])
    .unwrap()
}

/// `Some(Some(spelling))` proper, `Some(None)` improper, `None` unguarded.
fn check(path: &str, expected: Option<Option<&str>>) {
    let index = wallet();
    let found = index.find(path);
    let seen = match &found {
        PathMatch::Unguarded => None,
        PathMatch::Proper { spelling, .. } => Some(Some(spelling.as_ref())),
        PathMatch::Improper { .. } => Some(None),
    };
    assert_eq!(seen, expected, "{path:?}");
}

#[test]
fn an_express_route_takes_another_case_and_one_trailing_slash() {
    for proper in [FUND, "/API/Wallet/FUND", "/api/wallet/fund/"] {
        check(proper, Some(Some(FUND)));
    }
    for improper in ["/api/wallet/fund//", "/api//wallet/fund", "/api/wallet/%66und", "/api/wallet/./fund"] {
        check(improper, Some(None));
    }
}

#[test]
fn a_strict_route_takes_only_the_exact_path() {
    check("/strict/Case", Some(Some("/strict/Case")));
    check("/strict/case", Some(None));
    check("/strict/Case/", Some(None));
    check("/strict/slash/", Some(Some("/strict/slash/")));
    check("/strict/slash", Some(None));
    check("/Strict/1/x/2", Some(Some("/Strict/1/x/2")));
    check("/strict/1/x/2", Some(None));
}

#[test]
fn a_parameter_takes_one_unreserved_name_and_keeps_it() {
    check("/API/Wallets/AbC-1.2_3~/Fund/", Some(Some("/api/wallets/AbC-1.2_3~/fund")));
    for improper in ["a%20b", "a@b", "..", ".", "a%2fb", "ä", "a;b", "a b", "a="] {
        check(&format!("/api/wallets/{improper}/fund"), Some(None));
    }
    check("/api/wallets//fund", None);
    check("/api/wallets/fund", None);
    check("/api/wallets/a/b/fund", None);
}

#[test]
fn a_format_after_a_protected_name_is_improper() {
    for path in ["/fund.json", "/FUND.tar.gz", "/fund.", "/fund.json/", "/fund%2ejson", "/fund/.json"] {
        check(&format!("/api/wallet{path}"), Some(None));
    }
    check("/api/wallets/7/fund.json", Some(None));
    check("/api/wallet/verify-otp.json", Some(None));
    check(&format!("/api/wallet/fund{}", ".json".repeat(2_000)), Some(None));
}

#[test]
fn a_name_of_many_dots_is_not_looked_up_at_each_of_them() {
    let path = format!("/api/wallet/{}", "a.".repeat(30_000));
    let index = wallet();
    assert_eq!(index.without_format(path.as_bytes()).count(), "verify-otp".len() / 2);
    assert_eq!(index.find(&format!("{path}x")), PathMatch::Unguarded);
}

#[test]
fn neighbours_of_protected_paths_are_unguarded() {
    for path in [
        "/",
        "",
        "*",
        "/api",
        "/api/wallet",
        "/api/wallet/",
        "/api/wallet/funds",
        "/api/wallet/fund/1",
        "/api/wallet/balance",
        "/fund",
        "/xapi/wallet/fund",
        "/v1/api/wallet/fund",
        "/api/wallet/fund-x",
        "/api/wallet/refund.json",
        "/api/wallet/otp",
        "/api/wallet/otp/verify/x",
        "/api/wallet/.fund",
    ] {
        check(path, None);
    }
}

#[test]
fn routes_of_one_path_come_in_order() {
    let index = wallet();
    assert!(matches!(index.find(FUND), PathMatch::Proper { routes: [0, 4], .. }));
    assert!(matches!(index.find("/api/wallet/otp/verify"), PathMatch::Proper { routes: [1], .. }));
    assert!(matches!(index.find("/api/wallet/fund;x"), PathMatch::Improper { routes: [0, 4] }));
    let deep = format!("/%{}41", "25".repeat(20));
    assert!(matches!(index.find(&deep), PathMatch::Improper { routes: [] }));
}

#[test]
fn long_paths_are_found_too() {
    let name = "A".repeat(400);
    let index = RouteIndex::build(&[(&format!("/{name}"), 0, Router::Express)]).unwrap();
    assert!(matches!(index.find(&format!("/{}", "a".repeat(400))), PathMatch::Proper { .. }));
    assert_eq!(index.find(&format!("/{}", "a".repeat(399))), PathMatch::Unguarded);
}

#[test]
fn the_root_can_be_protected() {
    let index = RouteIndex::build(&[("/", 0, Router::Express)]).unwrap();
    assert!(matches!(index.find("/"), PathMatch::Proper { routes: [0], .. }));
    assert!(matches!(index.find("//"), PathMatch::Improper { .. }));
    assert_eq!(index.find("/a"), PathMatch::Unguarded);
}

#[test]
fn broken_patterns_are_refused() {
    for pattern in [
        "", "api", "/a//b", "/a/../b", "/a/.", "/a%20b", "/a b", "/a;b", "/{}", "/{a b}", "/a{b}", "/x.",
        "/ä",
    ] {
        let built = RouteIndex::build(&[(pattern, 0, Router::Express)]);
        assert!(matches!(built, Err(RouteIndexError::Invalid { .. })), "{pattern:?}: {built:?}");
    }
}

#[test]
fn patterns_that_one_request_could_match_are_refused() {
    use Router::{Express, Strict};
    for clash in [
        [("/a", Express), ("/A", Express)],
        [("/a", Express), ("/a", Strict)],
        [("/a", Strict), ("/a/", Strict)],
        [("/a/{id}", Express), ("/a/me", Express)],
        [("/a/me", Express), ("/a/{id}", Express)],
        [("/a/{x}/b", Express), ("/a/y/{z}", Express)],
        [("/{x}/b", Express), ("/A/{z}", Express)],
    ] {
        let entries: Vec<_> = clash.iter().enumerate().map(|(n, (p, r))| (*p, n, *r)).collect();
        assert!(matches!(RouteIndex::build(&entries), Err(RouteIndexError::Clash { .. })), "{clash:?}");
    }
    let fine = [("/a/{x}", 0, Express), ("/a/{y}", 1, Express), ("/a/b/c", 2, Express), ("/a", 3, Strict)];
    assert!(RouteIndex::build(&fine).is_ok());
}

#[test]
fn ten_thousand_patterns_are_all_found() {
    let spelt: Vec<String> = (0..10_000)
        .map(|n| if n % 2 == 0 { format!("/api/r{n}/do") } else { format!("/api/r{n}/{{id}}/do") })
        .collect();
    let entries: Vec<_> = spelt.iter().enumerate().map(|(n, p)| (p.as_str(), n, Router::Express)).collect();
    let index = RouteIndex::build(&entries).unwrap();
    for (n, pattern) in spelt.iter().enumerate() {
        let path = pattern.replace("{id}", "7");
        assert!(matches!(index.find(&path), PathMatch::Proper { routes, .. } if routes == [n]));
    }
}

/// The change that appends a format.
const FORMAT: usize = 18;

/// One change that some backend undoes.
fn obfuscate(path: &str, how: usize, at: usize) -> String {
    let at = at % path.len().max(1);
    let mut at = at;
    while !path.is_char_boundary(at) {
        at -= 1;
    }
    let (before, after) = path.split_at(at);
    let slash = path.char_indices().filter(|(_, c)| *c == '/').map(|(i, _)| i).nth(at % 3).unwrap_or(0);
    let (head, tail) = path.split_at(slash);
    let first = after.chars().next().unwrap_or('/');
    let rest = after.get(first.len_utf8()..).unwrap_or_default();
    let encoded = |with: &dyn Fn(u8) -> String| first.to_string().bytes().map(with).collect::<String>();
    let not_yet_encoded = !path.contains('%');
    match how {
        0 => format!("{before}{}{rest}", encoded(&|b| format!("%{b:02x}"))),
        1 => format!("{before}{}{rest}", encoded(&|b| format!("%25{b:02X}"))),
        2 => format!("{head};x=1{tail}"),
        3 => format!("{head}/{tail}"),
        4 => format!("{head}/.{tail}"),
        5 => format!("{head}/x/..{tail}"),
        6 => path
            .chars()
            .map(|c| if c.is_uppercase() { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() })
            .collect(),
        7 if tail.starts_with('/') => format!("{head}\\{}", tail.get(1..).unwrap_or_default()),
        8 => format!("{path}/"),
        9 => format!("{path}%20"),
        10 if first.is_ascii() => {
            format!("{before}%{:02x}%{:02x}{rest}", 0xc0 | (first as u32 >> 6), 0x80 | (first as u32 & 0x3f))
        }
        11 if not_yet_encoded && first.is_ascii_graphic() => {
            format!("{before}{}{rest}", char::from_u32(first as u32 + 0xfee0).unwrap_or(first))
        }
        12 => format!("{path};a%2f.."),
        13 => format!("{path}/x/..%2f"),
        14 => format!("{path}%00.png"),
        15 => format!("{path}%3fx=1"),
        16 => format!("/x/..;{path}"),
        17 => format!("//host{path}"),
        // After a dot segment it would be a name of its own.
        FORMAT if !path.ends_with("2e") => format!("{path}.json"),
        19 if first.is_ascii() => format!("{before}%u{:04x}{rest}", first as u32),
        _ => format!("{before}%09{after}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_disguise_of_a_protected_path_is_unguarded(
        path in prop::sample::select(vec![FUND, "/api/wallet/otp/verify", "/api/wallets/x-1/fund", "/strict/Case"]),
        steps in prop::collection::vec((0..21_usize, 0..40_usize), 1..=4),
    ) {
        // A format of a format is no format.
        let is_new = |place: usize| steps[place].0 != FORMAT || steps[..place].iter().all(|step| step.0 != FORMAT);
        let places = (0..steps.len()).filter(|place| is_new(*place));
        let disguised =
            places.fold(path.to_owned(), |path, place| obfuscate(&path, steps[place].0, steps[place].1));
        let index = wallet();
        prop_assert_ne!(index.find(&disguised), PathMatch::Unguarded, "{:?} {:?}", disguised, steps);
    }

    #[test]
    fn ordinary_paths_are_unguarded(path in ordinary_path()) {
        let index = wallet();
        prop_assert_eq!(index.find(&path), PathMatch::Unguarded, "{:?}", path);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn long_ordinary_paths_are_unguarded(path in long_ordinary_path()) {
        let index = wallet();
        prop_assert_eq!(index.find(&path), PathMatch::Unguarded, "{:?}", path);
    }
}

/// Up to 2 KiB, and 30 segments.
fn long_ordinary_path() -> impl Strategy<Value = String> {
    let encoded =
        "(%D0%B0|%D0%AF|%E4%BD%99|%EA%B0%80|%C3%A9|%C3%9F|%F0%9F%92%B6|%EF%B7%BA|%20|[a-zA-Z0-9]){10,60}";
    let email = "[a-z]{3,12}(\\.|%2[bB])[a-z]{3,12}(@|%40)[a-z]{4,12}\\.[a-z]{2,3}";
    let segments = prop_oneof![
        prop::collection::vec(prop_oneof![encoded, email, "[A-Za-z0-9_-]{20,64}"], 20..=30),
        prop::collection::vec(prop_oneof![email, "[A-Za-z0-9_-]{20,64}(%3[dD]){0,2}"], 20..=30),
        prop::collection::vec("[A-Za-z0-9_-]{20,60};v=[0-9]", 10..=12),
        prop::collection::vec("[a-z]{1,12}|%[46][1-9a-f]|[a-z]{1,4}%2[bB6c]", 30..=30),
    ];
    segments.prop_map(|segments| {
        let mut path = format!("/{}", segments.join("/"));
        path.truncate(2048);
        // Not in the middle of an escape.
        path.truncate(path.rfind('/').unwrap_or_default());
        path
    })
}

fn ordinary_path() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        "[a-z]{1,12}",
        "[A-Za-z0-9_-]{1,24}",
        "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
        "[a-z]{1,8}(%20[a-z]{1,8}){1,3}\\.(pdf|png|tar\\.gz)",
        "[a-z]{1,8}(\\.|%2[bB])[a-z]{1,8}(@|%40)[a-z]{2,8}\\.[a-z]{2,3}",
        "(%D0%B0|%E4%BD%99|%C3%A9|[a-z]){1,8}",
        "[a-z]{1,6}:[a-z0-9]{1,6}",
        "[a-z]{1,6};v=[0-9]",
        "100%25",
        "\\.[a-z-]{2,10}",
    ];
    prop::collection::vec(segment, 1..5).prop_map(|segments| format!("/{}", segments.join("/")))
}
