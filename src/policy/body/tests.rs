use super::form::parse_query;
use super::names::field_conflicts;
use super::*;
use crate::policy::field::Field;
use http::HeaderValue;
use proptest::prelude::*;

fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in list {
        headers.append(*name, HeaderValue::from_static(value));
    }
    headers
}

fn json(text: &str) -> Result<JudgedBody, BodyRefusal> {
    JudgedBody::parse(&headers(&[("content-type", "application/json")]), text.as_bytes())
}

fn form(text: &str) -> Result<JudgedBody, BodyRefusal> {
    JudgedBody::parse(&headers(&[("content-type", "application/x-www-form-urlencoded")]), text.as_bytes())
}

fn path(names: &str) -> Vec<String> {
    names.split('.').map(str::to_owned).collect()
}

#[test]
fn selectors_read_strings_numbers_and_booleans() {
    let body = json(r#"{"amount": 5000.50, "otp": "012345", "a": {"b": {"c": true}}, "n": null, "l": [1]}"#)
        .unwrap();
    assert!(body.get(&path("amount")) == Some(Scalar::Number("5000.50")));
    assert!(body.get(&path("otp")) == Some(Scalar::Text("012345")));
    assert_eq!(body.get(&path("a.b.c")).map(Scalar::text), Some("true"));
    for nothing in ["n", "l", "a", "a.b", "a.b.c.d", "amount.x", "missing", "Otp"] {
        assert!(body.get(&path(nothing)).is_none(), "{nothing}");
    }
    let body = form("otp=012345&transaction_reference=FUND-1&a%5Bb%5D=1").unwrap();
    assert_eq!(body.get(&path("otp")).map(Scalar::text), Some("012345"));
    assert!(body.get(&path("a.b")).is_none());
    assert!(body.get(&path("otp.x")).is_none());
}

#[test]
fn the_upstream_gets_what_was_judged() {
    let body = json(" { \"amount\" : 5000.00 , \"\\u006eote\" : \"a\\/b\" } ").unwrap();
    assert_eq!(body.serialise(), br#"{"amount":5000.00,"note":"a/b"}"#);
    assert_eq!(body.content_type(), "application/json");
    let body = form("a%5bb%5d=1+2&note=x;y").unwrap();
    assert_eq!(body.serialise(), b"a%5Bb%5D=1%202&note=x%3By");
    assert_eq!(body.content_type(), "application/x-www-form-urlencoded");
}

#[test]
fn only_json_and_forms_in_utf8_are_taken() {
    for taken in [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/json;charset=\"utf-8\"",
        " application/json ",
    ] {
        assert!(JudgedBody::parse(&headers(&[("content-type", taken)]), b"{}").is_ok(), "{taken}");
    }
    for refused in [
        "",
        "text/plain",
        "text/json",
        "application/json, text/html",
        "application/json; charset=utf-16",
        "application/json; charset=utf-8; charset=utf-16",
        "application/json;",
        "application/json; x=1",
        "application/vnd.api+json",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/x-www-form-urlencoded; charset=iso-8859-1",
        "application/json; charset=utf8",
    ] {
        let parsed = JudgedBody::parse(&headers(&[("content-type", refused)]), b"{}");
        assert!(matches!(parsed, Err(BodyRefusal::UnsupportedMediaType(_))), "{refused}");
    }
}

#[test]
fn one_content_type_and_no_coding() {
    let json = ("content-type", "application/json");
    for refused in [
        vec![],
        vec![json, json],
        vec![json, ("content-type", "text/plain")],
        vec![json, ("content-encoding", "gzip")],
        vec![json, ("content-encoding", "identity"), ("content-encoding", "gzip")],
        vec![json, ("content-encoding", "identity, gzip")],
    ] {
        let parsed = JudgedBody::parse(&headers(&refused), b"{}");
        assert!(matches!(parsed, Err(BodyRefusal::UnsupportedMediaType(_))), "{refused:?}");
    }
    assert!(JudgedBody::parse(&headers(&[json, ("content-encoding", "Identity")]), b"{}").is_ok());
}

#[test]
fn a_body_that_is_no_object_is_invalid() {
    for text in ["[]", "1", "\"a\"", "null", "", " ", "{} {}", "\u{feff}{}", r#"{"a":1,"a":1}"#] {
        assert!(matches!(json(text), Err(BodyRefusal::Invalid(_))), "{text:?}");
    }
    let Err(BodyRefusal::Invalid(detail)) = json("") else { panic!() };
    assert!(detail.contains("send one JSON object"), "{detail}");
    let latin = JudgedBody::parse(&headers(&[("content-type", "application/json")]), b"{\"a\":\"\xe4\"}");
    assert!(matches!(latin, Err(BodyRefusal::Invalid(_))));
    for text in ["a=1&a=2", "a=1&%61=2", "a=%", "=1", "a=%e4"] {
        assert!(matches!(form(text), Err(BodyRefusal::Invalid(_))), "{text:?}");
    }
}

#[test]
fn long_names_and_many_members_are_invalid() {
    let object = |names: Vec<String>| {
        let members: Vec<String> = names.iter().map(|name| format!("{name:?}:1")).collect();
        format!("{{{}}}", members.join(","))
    };
    let numbered = |many: usize| (0..many).map(|n| format!("k{n}")).collect();
    assert!(json(&object(numbered(256))).is_ok());
    assert!(json(&object(vec!["a".repeat(128)])).is_ok());
    for (inner, complaint) in [
        (object(numbered(257)), "an object has more than 256 members"),
        (object(vec!["a".repeat(129)]), "a name is longer than 128 bytes"),
        (object(vec!["\u{e4}".repeat(65)]), "a name is longer than 128 bytes"),
    ] {
        for text in [inner.clone(), format!("{{\"a\":[{inner}]}}")] {
            let Err(BodyRefusal::Invalid(detail)) = json(&text) else { panic!("{text}") };
            assert!(detail.contains(complaint), "{detail}");
        }
    }
    let long = form(&format!("{}=1", "a".repeat(129)));
    assert!(matches!(long, Err(BodyRefusal::Invalid(detail)) if detail.contains("longer than 128 bytes")));
    let values = format!("{{\"note\":{:?},\"list\":[{}1]}}", "a".repeat(20_000), "1,".repeat(5_000));
    assert!(json(&values).is_ok());
}

#[test]
fn names_that_reach_a_prototype_or_override_the_method_are_refused() {
    for text in [
        r#"{"__proto__":{"a":1}}"#,
        r#"{"a":[{"constructor":1}]}"#,
        r#"{"a":{"\u005f_proto__":1}}"#,
        r#"{"_method":"PUT"}"#,
    ] {
        assert!(json(text).is_err(), "{text}");
    }
    for text in [
        "__proto__=1",
        "a[__proto__]=1",
        "a%5Bconstructor%5D%5Bprototype%5D=1",
        "a.__proto__=1",
        "_METHOD=PUT",
    ] {
        assert!(form(text).is_err(), "{text}");
    }
    assert!(field_conflicts(None, &parse_query("_method=PUT").unwrap(), &[]).is_some());
}

fn check(body: Option<JudgedBody>, query: &str, selected: &[&str], conflicts: bool) {
    let selected: Vec<Field> = selected.iter().map(|text| Field::parse(text).unwrap()).collect();
    let found = field_conflicts(body.as_ref(), &parse_query(query).unwrap(), &selected);
    assert_eq!(found.is_some(), conflicts, "{query:?} {selected:?} {found:?}");
}

#[test]
fn a_conflict_says_which_field_it_is_about_and_where_the_other_one_is() {
    for (body, query, selected, expected) in [
        (
            r#"{"amount":1,"Amount":2}"#,
            "",
            "request.body.amount",
            "a field could be taken for `amount` but is spelt in another way",
        ),
        (r#"{"amount":[1]}"#, "", "request.body.amount", "`amount` must be one string, number or boolean"),
        (
            r#"{"amount":1}"#,
            "Amount=2",
            "request.body.amount",
            "the query has a field that could be taken for `amount` of the body",
        ),
        (
            r#"{"Purpose":1}"#,
            "purpose=a",
            "request.query.purpose",
            "the body has a field that could be taken for `purpose` of the query",
        ),
        ("{}", "purpose=a&purpose=b", "request.query.purpose", "`purpose` is in the query twice"),
    ] {
        let field = Field::parse(selected).unwrap();
        let found = field_conflicts(json(body).ok().as_ref(), &parse_query(query).unwrap(), &[field]);
        assert_eq!(found.as_deref(), Some(expected));
    }
}

#[test]
fn another_spelling_of_a_selected_field_is_a_conflict() {
    for name in [
        "Amount",
        "AMOUNT",
        "a_mount",
        "amount_",
        "-amount",
        "amount[]",
        "amount[0]",
        "amount[x]",
        "amount.x",
        "[amount]",
        "ａmount",
        "amo\u{200b}unt",
        " amount",
        "%61mount",
        "amount ",
        "amount[x][y]",
        "ämount",
        "amount:x",
    ] {
        let both = json(&format!(r#"{{"amount":1,{:?}:2}}"#, name)).ok();
        let both = both.or_else(|| json(&format!("{{\"amount\":1,\"{name}\":2}}")).ok());
        assert!(both.is_some(), "{name}");
        check(both, "", &["request.body.amount"], true);
        let alone = form::serialise_pairs(&vec![(name.to_owned(), "2".to_owned())]);
        check(form(&alone).ok(), "", &["request.body.amount"], true);
        check(json(r#"{"amount":1}"#).ok(), &alone, &["request.body.amount"], true);
        check(None, &alone, &["request.query.amount"], true);
    }
    check(
        json(r#"{"transaction_reference":"a","transactionReference":"b"}"#).ok(),
        "",
        &["request.body.transaction_reference"],
        true,
    );
}

#[test]
fn the_exact_field_and_other_fields_are_no_conflict() {
    let body = || json(r#"{"amount":1,"account":2,"amounts":3,"amount2":4,"data":{"Amount":5}}"#).ok();
    check(body(), "page=1&page=2", &["request.body.amount", "claims.email", "response.body.x"], false);
    check(form("amount=1&total=2").ok(), "", &["request.body.amount"], false);
    check(None, "purpose=wallet_funding&x=1", &["request.query.purpose"], false);
    check(json(r#"{"email":null}"#).ok(), "", &["request.body.email"], false);
}

#[test]
fn a_selected_query_field_is_there_once() {
    check(None, "purpose=a&purpose=b", &["request.query.purpose"], true);
    check(None, "purpose=a&Purpose=b", &["request.query.purpose"], true);
    check(json(r#"{"purpose":"b"}"#).ok(), "purpose=a", &["request.query.purpose"], true);
}

#[test]
fn a_query_field_may_not_stand_for_a_body_field() {
    check(json(r#"{"amount":1}"#).ok(), "amount=2", &["request.body.amount"], true);
    let both = ["request.body.id", "request.query.id"];
    check(json(r#"{"id":1}"#).ok(), "id=2", &both, false);
    check(json(r#"{"id":1}"#).ok(), "ID=2", &both, true);
}

#[test]
fn a_selected_field_is_one_value() {
    for value in ["[1]", "{}", "[]", r#"{"$ne":1}"#] {
        check(json(&format!(r#"{{"amount":{value}}}"#)).ok(), "", &["request.body.amount"], true);
    }
    check(json(r#"{"a":[{"b":1}]}"#).ok(), "", &["request.body.a.b"], true);
    check(json(r#"{"a":{"a":1}}"#).ok(), "", &["request.body.a.a"], false);
    check(json(r#"{"a":{"a":{"a":1}}}"#).ok(), "", &["request.body.a.a"], true);
    check(json(r#"{"a":1}"#).ok(), "", &["request.body.a.a"], false);
}

#[test]
fn nested_fields_are_checked_on_every_level() {
    let nested = &["request.body.data.amount"];
    check(json(r#"{"data":{"amount":1,"x":2}}"#).ok(), "", nested, false);
    check(json(r#"{"data":{"amount":1,"Amount":2}}"#).ok(), "", nested, true);
    check(json(r#"{"data":{"amount":1},"Data":{"amount":2}}"#).ok(), "", nested, true);
    check(json(r#"{"data":{"amount":1},"data.amount":2}"#).ok(), "", nested, true);
    for text in ["data=1", "data[amount]=1", "data.amount=1"] {
        check(form(text).ok(), "", nested, true);
    }
}

#[test]
fn debug_output_holds_no_values() {
    let body = json(r#"{"otp":"603645","n":[603645]}"#).unwrap();
    let shown = format!("{body:?} {:?} {:?}", body.get(&path("otp")), body.content_as_json());
    assert!(!shown.contains("603645"), "{shown}");
}

impl JudgedBody {
    fn content_as_json(&self) -> Option<Json> {
        match &self.content {
            Content::Object(members) => Some(Json::Object(members.clone())),
            Content::Form(_) => None,
        }
    }
}

proptest! {
    #[test]
    fn what_the_upstream_gets_is_judged_alike(text in "[a-z_.%0-9=&+\\[\\]-]{0,30}") {
        if let Ok(body) = form(&text) {
            let again = form(std::str::from_utf8(&body.serialise()).unwrap());
            prop_assert_eq!(again, Ok(body));
        }
    }

    #[test]
    fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        for kind in ["application/json", "application/x-www-form-urlencoded"] {
            let headers = headers(&[("content-type", kind)]);
            if let Ok(body) = JudgedBody::parse(&headers, &bytes) {
                prop_assert_eq!(JudgedBody::parse(&headers, &body.serialise()), Ok(body));
            }
        }
    }
}
