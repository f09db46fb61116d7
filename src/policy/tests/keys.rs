//! Which keys are taken, and how their bytes are read.

use std::path::Path;

use crate::policy::compile::{Compiled, Resolver, compile};
use crate::policy::diagnostic::Code;
use crate::policy::snapshot::{JwtAlgorithm, KeySource};
use crate::policy::source::SourceFile;

/// A world with one file.
struct OneFile(&'static [u8]);

impl Resolver for OneFile {
    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, _: &Path) -> Result<Vec<u8>, String> {
        Ok(self.0.to_vec())
    }
}

fn compiled(algorithm: &str, key: &str, file: &'static [u8]) -> Result<Compiled, Vec<Code>> {
    let text = format!(
        "version: 1\n\
         identity: {{ jwt: {{ algorithms: [{algorithm}], key: {{ {key} }}, claims: {{ subject: id }} }} }}\n\
         limits: {{ l: {{ max: 1, per: 1m }} }}\n\
         routes: [{{ name: r, match: {{ methods: [POST], path: /r }}, limits: [l] }}]\n"
    );
    let files = [SourceFile { path: "policy.yaml".to_owned(), text }];
    compile(&files, &OneFile(file)).map_err(|errors| errors.iter().map(|error| error.code).collect())
}

/// The secret that a file holds, and what is said about it.
fn secret(file: &'static [u8]) -> (Vec<u8>, Vec<Code>) {
    let compiled = compiled("HS256", "file: /s", file).unwrap();
    let KeySource::Secret(secret) = &compiled.snapshot.identity.jwt.key else { panic!("no secret") };
    (secret.to_vec(), compiled.warnings.iter().map(|warning| warning.code).collect())
}

#[test]
fn a_secret_ends_before_the_one_line_end_of_its_file() {
    let long = b"0123456789abcdef0123456789abcdef";
    assert_eq!(secret(b"0123456789abcdef0123456789abcdef").0, long);
    assert_eq!(secret(b"0123456789abcdef0123456789abcdef\n").0, long);
    assert_eq!(secret(b"0123456789abcdef0123456789abcdef\r\n").0, long);
    assert_eq!(secret(b"0123456789abcdef0123456789abcdef\n\n").0, [long, &b"\n"[..]].concat());
    assert_eq!(secret(b"0123456789abcdef0123456789abcdef ").0, [long, &b" "[..]].concat());
}

#[test]
fn a_secret_of_fewer_bytes_than_its_digest_is_called_short() {
    assert_eq!(secret(b"0123456789abcdef0123456789abcdef").1, []);
    assert_eq!(secret(b"0123456789abcdef0123456789abcde").1, [Code::ShortSecret]);
}

#[test]
fn algorithms_with_one_kind_of_key_go_together() {
    let secret = b"0123456789abcdef0123456789abcdef";
    let jwt = compiled("HS256, HS384, HS512", "file: /s", secret).unwrap().snapshot.identity.jwt;
    assert_eq!(jwt.algorithms, [JwtAlgorithm::HS256, JwtAlgorithm::HS384, JwtAlgorithm::HS512]);
    assert_eq!(compiled("HS256, RS256", "file: /s", secret).unwrap_err(), [Code::MixedAlgorithms]);
}

#[test]
fn an_empty_file_holds_no_key() {
    for algorithm in ["HS256", "RS256"] {
        assert_eq!(compiled(algorithm, "file: /s", b"\n").unwrap_err(), [Code::KeyUnreadable]);
    }
}

#[test]
fn a_key_set_has_an_address_without_user_and_password() {
    let url = |url: &str| compiled("RS256", &format!("jwks_url: '{url}'"), b"");
    for good in ["https://id.example/k", "http://localhost:8080/k?a=b"] {
        let key = url(good).unwrap().snapshot.identity.jwt.key;
        assert!(matches!(&key, KeySource::Jwks(url) if url.as_str() == good), "{good}");
    }
    for bad in ["https://u@id.example/k", "https://:p@id.example/k", "ftp://id.example/k", "id.example/k", ""]
    {
        assert_eq!(url(bad).unwrap_err(), [Code::Url], "{bad}");
    }
}
