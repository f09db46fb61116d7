//! What a policy means: the values behind the words, the defaults, and what a new set may give up.

use std::time::Duration;

use crate::domain::code::Digits;
use crate::domain::id::{LimitName, Purpose};
use crate::domain::window::Count;
use crate::policy::compile::compile;
use crate::policy::coverage::protects;
use crate::policy::diagnostic::Code;
use crate::policy::snapshot::{
    Action, Channel, CorsRules, CountedBy, JwtAlgorithm, KeySource, OtherMethods, PolicySnapshot,
};
use crate::policy::source::SourceFile;

use super::files::World;

fn load(text: &str) -> PolicySnapshot {
    let files = [SourceFile { path: "policy.yaml".to_owned(), text: text.to_owned() }];
    compile(&files, &World).unwrap_or_else(|errors| panic!("{errors}")).snapshot
}

fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

fn shown(fields: &[crate::policy::field::Field]) -> Vec<String> {
    fields.iter().map(ToString::to_string).collect()
}

#[test]
fn the_example_of_the_design_means_what_it_says() {
    let set = load(include_str!("../../../tests/data/policies/good/design.yaml"));
    assert_eq!(set.identity.jwt.algorithms, [JwtAlgorithm::HS256]);
    assert!(matches!(&set.identity.jwt.key, KeySource::Secret(secret) if secret.starts_with(b"a secret of")));
    assert_eq!(set.identity.jwt.claims["subject"], "id");
    assert_eq!(set.identity.limits[0].name.as_str(), "unauthorized");
    assert_eq!(set.cors, CorsRules::Any);
    let limit = &set.limits[&LimitName::parse("verify").unwrap()];
    assert_eq!((limit.max, limit.per, limit.count), (10, minutes(15), Count::All));
    assert_eq!(limit.by, CountedBy { subject: true, ..CountedBy::default() });
    let purpose = &set.purposes[&Purpose::parse("wallet_funding").unwrap()];
    assert_eq!((purpose.digits, purpose.ttl, purpose.live), (Digits::new(6).unwrap(), minutes(5), 2));
    let lockout = &purpose.lockout;
    assert_eq!((lockout.after, lockout.lock_for, lockout.escalate), (3, minutes(15), 2));
    assert_eq!((lockout.at_most, lockout.disable_after), (minutes(24 * 60), 100));
    assert_eq!(
        purpose.limits.iter().map(|limit| limit.name.as_str()).collect::<Vec<_>>(),
        ["send-burst", "send-hour"]
    );
    assert_eq!(purpose.address_claim.as_ref().unwrap().to_string(), "claims.email");
    let names: Vec<_> = set.routes.iter().map(|route| route.name.as_str()).collect();
    assert_eq!(names, ["fund", "verify", "send", "status"]);
    let Action::Issue(issue) = &set.routes[0].action else { panic!("fund does not issue") };
    assert_eq!(issue.reference.to_string(), "response.body.transactionReference");
    assert_eq!(issue.bind[0].1.to_string(), "request.body.amount");
    let Action::Verify(verify) = &set.routes[1].action else { panic!("verify does not verify") };
    assert_eq!((verify.purposes.len(), verify.lockouts.len()), (1, 1), "every purpose");
    assert_eq!(set.routes[1].paths, ["/api/wallet/verify-otp", "/api/wallet/otp/verify"]);
    let Action::Send(send) = &set.routes[2].action else { panic!("send does not send") };
    assert_eq!(send.recipient.named_by.as_ref().unwrap().to_string(), "request.body.email");
    assert_eq!(shown(&set.routes[1].selected), ["request.body.otp", "request.body.transaction_reference"]);
    assert_eq!(shown(&set.routes[2].selected), ["request.body.purpose", "request.body.email"]);
}

#[test]
fn what_is_left_out_has_the_documented_default() {
    let set = load(
        "version: 1\n\
         identity: { jwt: { algorithms: [HS512], key: { env: JWT_SECRET }, claims: { subject: sub } } }\n\
         limits: { l: { max: 1, per: 1m } }\n\
         purposes:\n  p: { code: { digits: 6, ttl: 5m }, lockout: { after: 3, for: 15m } }\n\
         routes:\n  - { name: r, match: { methods: [POST], path: /r }, limits: [l] }\n",
    );
    let identity = &set.identity;
    assert_eq!(identity.jwt.leeway, Duration::from_secs(30));
    assert_eq!((&identity.jwt.issuer, &identity.jwt.audience), (&None, &None));
    assert!(identity.trusted_proxies.is_empty() && identity.strip.is_empty() && identity.limits.is_empty());
    assert_eq!(set.cors, CorsRules::Off);
    assert!(set.intermediary_headers.is_empty() && set.unprotected.is_empty());
    let limit = &set.limits[&LimitName::parse("l").unwrap()];
    assert_eq!((limit.by, limit.count), (CountedBy::default(), Count::All));
    let purpose = &set.purposes[&Purpose::parse("p").unwrap()];
    assert_eq!((purpose.live, purpose.cooldown, purpose.channel), (2, Duration::ZERO, Channel::Email));
    assert_eq!(purpose.channel.as_str(), "email");
    assert_eq!((purpose.lockout.escalate, purpose.lockout.disable_after), (1, 100));
    assert_eq!(purpose.lockout.at_most, minutes(24 * 60));
    assert!(purpose.limits.is_empty() && purpose.address_claim.is_none());
    assert_eq!(set.routes[0].other_methods, OtherMethods::Refuse);
    assert!(matches!(set.routes[0].action, Action::Limit));
}

#[test]
fn codes_go_to_the_claim_of_the_issuing_route_else_of_one_that_sends_else_to_email() {
    let claim = |purpose: &str, claims: &str, routes: &[&str]| {
        let rules = "{ code: { digits: 6, ttl: 5m }, lockout: { after: 3, for: 15m } }";
        let routes: Vec<String> = routes
            .iter()
            .enumerate()
            .map(|(n, action)| {
                format!("  - {{ name: r{n}, match: {{ methods: [POST], path: /{n} }}, {action} }}\n")
            })
            .collect();
        let set = load(&format!(
            "version: 1\n\
             identity: {{ jwt: {{ algorithms: [HS256], key: {{ env: JWT_SECRET }}, claims: {{ subject: id, {claims} }} }} }}\n\
             limits: {{ l: {{ max: 1, per: 1m }} }}\n\
             purposes:\n  p: {rules}\n  q: {rules}\n  r: {rules}\nroutes:\n{}",
            routes.concat()
        ));
        set.purposes[&Purpose::parse(purpose).unwrap()].address_claim.as_ref().map(ToString::to_string)
    };
    let issue_q = "issue: { purpose: q, reference: response.body.r, recipient: claims.b }";
    let issue_p = "issue: { purpose: p, reference: response.body.r, \
                   recipient: { from: request.body.email, must_equal: claims.a } }";
    let send = "send: { purpose: request.body.p, recipient: claims.c }";
    let limited = "limits: [l]";
    let all = "a: a, b: b, c: c, email: mail";
    assert_eq!(claim("p", all, &[send, issue_q, issue_p]).as_deref(), Some("claims.a"));
    assert_eq!(claim("q", all, &[send, issue_q, issue_p]).as_deref(), Some("claims.b"));
    assert_eq!(claim("r", all, &[issue_q, issue_p, send]).as_deref(), Some("claims.c"));
    assert_eq!(claim("r", all, &[issue_q, issue_p]).as_deref(), Some("claims.email"));
    assert_eq!(claim("r", "mail: email", &[limited]), None);
}

#[test]
fn a_bound_field_has_a_name_of_letters_digits_and_underscores() {
    let errors = |name: &str| {
        let text = format!(
            "{HEAD}purposes: {{ p: {{ code: {{ digits: 6, ttl: 5m }}, lockout: {{ after: 3, for: 15m }} }} }}\n\
             routes:\n  - {{ name: r, match: {{ methods: [POST], path: /r }}, issue: {{ purpose: p, \
             reference: response.body.r, recipient: claims.subject, bind: {{ '{name}': request.body.a }} }} }}\n"
        );
        let files = [SourceFile { path: "policy.yaml".to_owned(), text }];
        compile(&files, &World).map_or_else(|errors| errors.iter().map(|e| e.code).collect(), |_| Vec::new())
    };
    assert_eq!(errors("to_Account_2"), []);
    for bad in ["", "to-account", "to account", "tö"] {
        assert_eq!(errors(bad), [Code::Name], "{bad:?}");
    }
}

#[test]
fn a_field_that_is_read_twice_is_selected_once() {
    let action = "verify: { code: request.body.a, reference: request.body.a }";
    let set =
        load(&format!("{HEAD}routes: [{{ name: r, match: {{ methods: [POST], path: /r }}, {action} }}]\n"));
    assert_eq!(shown(&set.routes[0].selected), ["request.body.a"]);
}

#[test]
fn other_origins_may_read_answers_when_they_are_listed() {
    let cors = |list: &str| {
        let routes = format!("routes:\n{}", limited("POST", "/r"));
        load(&format!("{HEAD}{routes}cors: {{ allow_origins: [{list}] }}\n")).cors
    };
    assert_eq!(cors("'*'"), CorsRules::Any);
    assert_eq!(cors("'https://a.example'"), CorsRules::Origins(vec!["https://a.example".to_owned()]));
    let two = ["http://localhost:3000", "https://a.example"].map(str::to_owned).to_vec();
    assert_eq!(cors("'http://localhost:3000', 'https://a.example'"), CorsRules::Origins(two));
}

const HEAD: &str = "version: 1\n\
    identity: { jwt: { algorithms: [HS256], key: { env: JWT_SECRET }, claims: { subject: id } } }\n\
    limits: { l: { max: 1, per: 1m } }\n";

fn open(old: &str, new: &str) -> Vec<String> {
    protects(&load(&format!("{HEAD}{old}")), &load(&format!("{HEAD}{new}")))
}

fn limited(methods: &str, path: &str) -> String {
    format!(
        "  - {{ name: x, match: {{ methods: [{methods}], path: '{path}', other_methods: forward }}, limits: [l] }}\n"
    )
}

#[test]
fn a_path_stays_protected_only_with_every_method_and_every_value_of_a_parameter() {
    let routes = |methods: &str, path: &str| format!("routes:\n{}", limited(methods, path));
    let old = routes("POST, PUT", "/a/{id}/b");
    assert_eq!(open(&old, &old), Vec::<String>::new());
    assert_eq!(open(&old, &routes("POST, PUT", "/A/{other}/B/")), Vec::<String>::new());
    assert_eq!(open(&old, &routes("POST", "/a/{id}/b")), ["PUT /a/{}/b"]);
    assert_eq!(open(&old, &routes("POST", "/a/{id}/b").replace("forward", "refuse")), Vec::<String>::new());
    assert_eq!(open(&old, &routes("POST, PUT", "/a/1/b")), ["POST /a/{}/b", "PUT /a/{}/b"]);
    assert_eq!(open(&routes("POST", "/a/1/b"), &old), Vec::<String>::new());
    let given_up = format!("{}unprotect: ['/a/{{id}}/b']\n", routes("POST", "/c"));
    assert_eq!(open(&old, &given_up), Vec::<String>::new());
}

#[test]
fn a_route_that_asked_for_a_code_must_not_let_requests_through_without_one() {
    let route = |action: &str| {
        format!("routes:\n  - {{ name: x, match: {{ methods: [POST], path: /v }}, limits: [l], {action} }}\n")
    };
    let verify = route("verify: { code: request.body.otp, reference: request.body.ref }");
    assert_eq!(open(&verify, &route("").replace(", }", " }")), ["POST /v"]);
    assert_eq!(open(&verify, &route("status: { purpose: request.body.p }")), Vec::<String>::new());
    assert_eq!(open(&route("").replace(", }", " }"), &verify), Vec::<String>::new());
}
