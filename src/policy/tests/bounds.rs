//! The smallest and the largest number and length of time that each field takes.

use crate::policy::compile::compile;
use crate::policy::diagnostic::Code;
use crate::policy::source::SourceFile;

use super::files::World;

const SET: &str = "\
version: 1
identity: { jwt: { algorithms: [HS256], key: { env: JWT_SECRET }, claims: { subject: id, email: email }, leeway: 1s } }
limits: { l: { max: 2, per: 2s } }
purposes:
  p: { code: { digits: 7, ttl: 1m, live: 3 }, resend: { cooldown: 3s }, template: default,
       lockout: { after: 5, for: 4s, escalate: 6, at_most: 31d, disable_after: 8 } }
routes:
  - { name: v, match: { methods: [POST], path: /v }, limits: [l],
      verify: { code: request.body.c, reference: request.body.r, retryable: [450] } }
";

/// The errors when a field has another value.
fn errors(from: &str, to: &str) -> Vec<Code> {
    assert_eq!(SET.matches(from).count(), 1, "{from} is there once");
    let files = [SourceFile { path: "policy.yaml".to_owned(), text: SET.replace(from, to) }];
    compile(&files, &World).map_or_else(|errors| errors.iter().map(|e| e.code).collect(), |_| Vec::new())
}

#[test]
fn every_number_and_length_of_time_has_a_smallest_and_a_largest_value() {
    for (field, written, below, low, high, above) in [
        ("max", "2", "0", "1", "100000", "100001"),
        ("per", "2s", "0s", "1s", "31d", "2678401s"),
        ("digits", "7", "5", "6", "10", "11"),
        ("ttl", "1m", "9s", "10s", "10m", "601s"),
        ("live", "3", "0", "1", "5", "6"),
        ("cooldown", "3s", "-1s", "0s", "10m", "601s"),
        ("after", "5", "0", "1", "100", "101"),
        ("for", "4s", "0s", "1s", "31d", "2678401s"),
        ("escalate", "6", "0", "1", "100", "101"),
        ("at_most", "31d", "0s", "4s", "31d", "2678401s"),
        ("disable_after", "8", "0", "1", "100", "101"),
        ("leeway", "1s", "-1s", "0s", "300s", "301s"),
        ("retryable", "[450]", "[399]", "[400]", "[599]", "[600]"),
    ] {
        let with = |value: &str| errors(&format!(" {field}: {written}"), &format!(" {field}: {value}"));
        for taken in [low, high] {
            assert_eq!(with(taken), [], "{field}: {taken}");
        }
        let is_span = written.ends_with(char::is_alphabetic);
        for refused in [below, above] {
            let code = if is_span { Code::Span } else { Code::Number };
            assert_eq!(with(refused), [code], "{field}: {refused}");
        }
    }
}

#[test]
fn a_lock_is_no_longer_than_the_longest_lock() {
    assert_eq!(errors("at_most: 31d", "at_most: 4s"), []);
    assert_eq!(errors("at_most: 31d", "at_most: 3s"), [Code::Contradiction]);
}
