use super::world::*;
use crate::domain::binding::Binding;
use crate::domain::id::Purpose;
use crate::policy::body::Scalar;
use crate::policy::decision::Denial;
use crate::policy::facts::Facts;
use crate::policy::field::Field;
use crate::policy::snapshot::RecipientRule;

fn field(text: &str) -> Field {
    Field::parse(text).unwrap()
}

fn invalid(text: &str) -> Denial {
    Denial::InvalidRequest(text.to_owned())
}

#[test]
fn a_selector_finds_a_value_where_it_says_and_nowhere_else() {
    let facts = facts(r#"{"a":"in the body","deep":{"a":"deep"},"n":1e3,"list":[1]}"#, "a=in+the+query&a=2");
    for (selector, expected) in [
        ("request.body.a", Some("in the body")),
        ("request.body.deep.a", Some("deep")),
        ("request.body.n", Some("1e3")),
        ("request.body.list", None),
        ("request.body.b", None),
        ("request.query.a", Some("in the query")),
        ("request.query.n", None),
        ("claims.email", Some("Jane@example.com")),
        ("claims.a", None),
        ("response.body.a", None),
    ] {
        assert_eq!(facts.select(&field(selector)).map(Scalar::text), expected, "{selector}");
    }
}

#[test]
fn a_request_without_a_body_has_no_body_fields() {
    assert!(facts("", "").select(&field("request.body.a")).is_none());
}

#[test]
fn what_is_required_and_missing_is_named() {
    let facts = facts(r#"{"there":true}"#, "");
    assert_eq!(facts.require(&field("request.body.there")).unwrap().text(), "true");
    let refused = facts.require(&field("request.body.deep.missing")).unwrap_err();
    assert_eq!(refused, invalid("`deep.missing` is required"));
}

#[test]
fn a_purpose_is_one_that_the_policy_knows() {
    let snapshot = snapshot();
    let named = |query: &str| {
        let found = facts("", query).purpose(&field("request.query.purpose"), &snapshot.purposes).cloned();
        found.map(|purpose| purpose.name.clone())
    };
    assert_eq!(named("purpose=wallet_funding"), Ok(Purpose::parse("wallet_funding").unwrap()));
    assert_eq!(named(""), Err(invalid("`purpose` is required")));
    for unknown in ["purpose=wallet_theft", "purpose=Wallet_Funding", "purpose="] {
        let text = "invalid `purpose`: must be one of wallet_deduction, wallet_funding";
        assert_eq!(named(unknown), Err(invalid(text)), "{unknown}");
    }
}

#[test]
fn a_code_goes_to_the_claim_in_the_claims_spelling() {
    let claim_alone = RecipientRule { claim: field("claims.email"), named_by: None };
    let named = RecipientRule { named_by: Some(field("request.body.email")), ..claim_alone.clone() };
    let jane = recipient("Jane@example.com");
    assert_eq!(facts(r#"{"email":"eve@example.com"}"#, "").recipient(&claim_alone), Ok(jane.clone()));
    assert_eq!(facts(r#"{"email":" jane@EXAMPLE.com "}"#, "").recipient(&named), Ok(jane));

    let refused = facts(r#"{"email":"eve@example.com"}"#, "").recipient(&named);
    assert!(matches!(refused, Err(Denial::RecipientMismatch(_))), "{refused:?}");
    assert_eq!(facts("{}", "").recipient(&named), Err(invalid("`email` is required")));
}

#[test]
fn without_an_address_in_the_token_no_code_goes_anywhere() {
    let rule = RecipientRule { claim: field("claims.email"), named_by: Some(field("request.body.email")) };
    for claims in [&[][..], &[("email", "not an address")]] {
        let facts = Facts { caller: caller(claims), ..facts(r#"{"email":"eve@example.com"}"#, "") };
        let refused = facts.recipient(&rule);
        let Err(Denial::RecipientMismatch(text)) = refused else { panic!("{refused:?}") };
        assert!(text.contains("carries no e-mail address"), "{text}");
    }
}

#[test]
fn a_binding_holds_every_field_under_its_own_name() {
    let fields = [
        ("amount".to_owned(), field("request.body.amount")),
        ("account".to_owned(), field("request.query.to")),
    ];
    let bound = facts(r#"{"amount":5000.0}"#, "to=x").binding(&fields);
    assert_eq!(bound, Ok(Binding::of([("amount", "5000"), ("account", "x")])));
    assert_eq!(facts(r#"{"amount":5000}"#, "").binding(&fields), Err(invalid("`to` is required")));
}

#[test]
fn a_bound_value_is_short_and_on_one_line() {
    let fields = [("note".to_owned(), field("request.body.note"))];
    let bound = |value: &str| facts(&format!(r#"{{"note":"{value}"}}"#), "").binding(&fields);
    let longest = "n".repeat(128);
    assert_eq!(bound(&longest), Ok(Binding::of([("note", longest.as_str())])));
    for value in ["n".repeat(129), "a\\nb".to_owned()] {
        assert_eq!(bound(&value), Err(invalid("invalid `note`: at most 128 bytes on one line")), "{value}");
    }
}

#[test]
fn a_limit_tells_apart_only_what_it_counts_by() {
    let snapshot = snapshot();
    let funding = Purpose::parse("wallet_funding").unwrap();
    let limits = || snapshot.limits.values().map(AsRef::as_ref);
    let facts = facts("", "");
    assert_eq!(
        owners(&facts.takes(limits(), Some(&funding))),
        [
            ("of-address", "c=192.0.2.7".to_owned()),
            ("of-caller", "s=u1".to_owned()),
            ("of-everyone", String::new()),
            ("of-failures", "s=u1".to_owned()),
            ("of-purpose", "s=u1 p=wallet_funding".to_owned()),
        ]
    );
    for (take, limit) in facts.takes(limits(), None).iter().zip(limits()) {
        assert_eq!((take.max, take.per, take.count), (limit.max, limit.per, limit.count));
        assert_eq!(take.owner.purpose, None);
    }
}
