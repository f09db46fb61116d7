use super::*;
use proptest::prelude::*;

fn check(text: &str, expected: Option<&str>) {
    let mut written = String::new();
    let parsed = Json::parse(text).map(|value| value.write(&mut written));
    assert_eq!(parsed.is_ok().then_some(written.as_str()), expected, "{text:?}: {parsed:?}");
}

#[test]
fn values_come_back_compact() {
    check(
        " { \"a\" : [ 1 , true , null ] , \"b\\u0063\" : \"x\\n\\/\" } ",
        Some(r#"{"a":[1,true,null],"bc":"x\u000a/"}"#),
    );
    check("\"\\ud83d\\ude00 \\\" \\\\\"", Some("\"😀 \\\" \\\\\""));
    check(r#""\b\f\n\r\t\/""#, Some(r#""\u0008\u000c\u000a\u000d\u0009/""#));
    check("[]", Some("[]"));
    check("{}", Some("{}"));
}

#[test]
fn what_two_readers_may_read_differently_is_refused() {
    for text in [
        "",
        " ",
        "{",
        "{\"a\":1",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "[1 2]",
        "{\"a\" 1}",
        "//x\n1",
        "nul",
        "True",
        "NaN",
        "Infinity",
        "1 2",
        "\u{feff}1",
        "\u{a0}1",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"\\u0061\":2}",
        "[{\"b\":{\"a\":1,\"a\":1}}]",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\ude00\"",
        "\"\\u0000\"",
        "\"\u{1}\"",
        "\"\n\"",
        "\"\\x41\"",
        "\"\\u12\"",
        "\"",
        "\"\\",
        "[",
    ] {
        check(text, None);
    }
}

#[test]
fn numbers_are_those_that_every_reader_keeps() {
    for number in [
        "0",
        "5000",
        "-1",
        "0.5",
        "5000.00",
        "1e3",
        "1E+3",
        "2.5e-7",
        "9007199254740991",
        "-9007199254740991",
        "123456789.012345",
        "-0.00000000000001",
        "1e30",
        "1E-30",
    ] {
        check(number, Some(number));
    }
    for number in [
        "-0",
        "-0.0",
        "-0e1",
        "01",
        "1.",
        ".5",
        "+1",
        "0x10",
        "1e",
        "1e+",
        "1e31",
        "1e-31",
        "1e999",
        "--1",
        "1_000",
        "9007199254740992",
        "-9007199254740992",
        "18446744073709551616",
        "0.1000000000000000055",
        "123456789.0123456",
        "0.000000000000001",
        "1234567890123456e0",
        "1.1e1.1",
        "1a",
    ] {
        check(number, None);
    }
}

#[test]
fn nesting_has_a_limit() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Json::parse(&nested(32)).is_ok());
    assert!(Json::parse(&nested(33)).is_err());
    let objects = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    assert!(Json::parse(&objects(32)).is_ok());
    assert!(Json::parse(&objects(33)).is_err());
    assert!(Json::parse(&"[".repeat(100_000)).is_err());
}

#[test]
fn a_refusal_says_where() {
    assert!(Json::parse("{\"a\":1,}").unwrap_err().contains("at byte 7"));
}

fn any_json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<i32>().prop_map(|n| Json::Number(n.to_string())),
        "[^\u{0}]{0,8}".prop_map(Json::Text),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::btree_map("[^\u{0}]{0,4}", inner, 0..4)
                .prop_map(|members| Json::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_was_written_reads_back(value in any_json()) {
        let mut text = String::new();
        value.write(&mut text);
        prop_assert_eq!(Json::parse(&text), Ok(value));
        prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }

    #[test]
    fn what_is_taken_is_json_to_another_reader_too(text in "[\\[\\]{}:, \"\\\\au0-9.e+-]{0,24}") {
        if Json::parse(&text).is_ok() {
            prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "{:?}", text);
        }
    }
}
