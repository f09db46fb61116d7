//! Bodies that two readers may read differently.

use serde_json::{Value, json};

use super::{Attacks, FUND, Means, VERIFY};
use crate::no_way_in::wire::Draft;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// `FIELD` is the field that the policy selects and `VALUE` what it holds, without quotes.
const OBJECTS: [&str; 54] = [
    r#"{"FIELD":"VALUE","FIELD":"VALUE"}"#,
    r#"{"FIELD":"1","FIELD":"VALUE"}"#,
    r#"{"FIELD":"VALUE","FIELD":null}"#,
    r#"{"FIELD":"VALUE","field":"1"}"#,
    r#"{"FIELD":"VALUE","FIELD ":"1"}"#,
    r#"{"FIELD":"VALUE","FIELD[]":"1"}"#,
    r#"{"FIELD":"VALUE","FIELD[0]":"1"}"#,
    r#"{"FIELD":"VALUE","FIELD.x":"1"}"#,
    r#"{"FIELD":"VALUE","a[b]":"1"}"#,
    r#"{"a[FIELD]":"VALUE"}"#,
    r#"{"a":{"FIELD":"VALUE"}}"#,
    r#"{"FIELD":"VALUE","\uff46IELD":"1"}"#,
    r#"{"\u0000FIELD":"VALUE"}"#,
    r#"{"FIELD":"VALUE\u0000"}"#,
    r#"{"FIELD":["VALUE"]}"#,
    r#"{"FIELD":{"$gt":""}}"#,
    r#"{"FIELD":{"$ne":null}}"#,
    r#"{"FIELD":{"0":"VALUE"}}"#,
    r#"{"FIELD":{"toString":"VALUE"}}"#,
    r#"{"FIELD":true}"#,
    r#"{"FIELD":null}"#,
    r#"{"FIELD":1e999}"#,
    r#"{"FIELD":-1e999}"#,
    r#"{"FIELD":1e3}"#,
    r#"{"FIELD":5.0}"#,
    r#"{"FIELD":-0}"#,
    r#"{"FIELD":0x1388}"#,
    r#"{"FIELD":05000}"#,
    r#"{"FIELD":+5000}"#,
    r#"{"FIELD":.5}"#,
    r#"{"FIELD":9007199254740993}"#,
    r#"{"FIELD":123456789012345678901234567890}"#,
    r#"{"FIELD":NaN}"#,
    r#"{"FIELD":Infinity}"#,
    r#"{"__proto__":{"FIELD":"VALUE"}}"#,
    r#"{"FIELD":"VALUE","__proto__":{"isAdmin":true}}"#,
    r#"{"constructor":{"prototype":{"FIELD":"VALUE"}}}"#,
    r#"{"\u005f_proto__":{"FIELD":"VALUE"}}"#,
    r#"[{"FIELD":"VALUE"}]"#,
    r#"[]"#,
    r#"{}"#,
    r#""VALUE""#,
    r#"null"#,
    r#"true"#,
    r#"5000"#,
    r#"{"FIELD":"VALUE"}{"FIELD":"VALUE"}"#,
    r#"{"FIELD":"VALUE"} x"#,
    r#"{"FIELD":"VALUE",}"#,
    r#"{'FIELD':'VALUE'}"#,
    r#"{FIELD:"VALUE"}"#,
    r#"{"FIELD":"VALUE"/**/}"#,
    r#"{"FIELD":"VALUE""#,
    r#")]}',{"FIELD":"VALUE"}"#,
    r#"{"FIELD":"VALUE","_method":"POST"}"#,
];

const FORMS: [&str; 30] = [
    "FIELD=VALUE&FIELD=1",
    "FIELD=1&FIELD=VALUE",
    "FIELD[]=VALUE",
    "FIELD[0]=VALUE",
    "FIELD[x]=VALUE",
    "FIELD.x=VALUE",
    "FIELD=VALUE&FIELD[x]=1",
    "a[FIELD]=VALUE",
    "FIELD=VALUE&a[b]=1",
    "FIELD%5B%5D=VALUE",
    "FIELD=VALUE;FIELD=1",
    "FIELD=VALUE&;FIELD=1",
    "%46IELD=VALUE",
    "FIELD=VALUE&%2546IELD=1",
    "field=VALUE&FIELD=VALUE",
    "+FIELD=VALUE",
    "FIELD+=VALUE",
    "FIELD%00=VALUE",
    "FIELD=VALUE%00",
    "FIELD=%zz",
    "FIELD=VALUE&=1",
    "FIELD=VALUE&&x=1",
    "FIELD",
    "=VALUE",
    "__proto__[FIELD]=VALUE",
    "constructor[prototype][FIELD]=VALUE",
    "FIELD=VALUE&_method=GET",
    "FIELD=VALUE&_charset_=utf-7",
    "FIELD=VALUE&utf8=%FF",
    "?FIELD=VALUE",
];

const KINDS: [&str; 21] = [
    "application/json; charset=utf-16",
    "application/json; charset=utf-7",
    "application/json; charset=utf-8; charset=utf-16",
    "application/json;",
    "application/json; x=y",
    "application/json, application/x-www-form-urlencoded",
    "APPLICATION/JSON",
    "application/json; charset=UTF-8",
    "application/json\r\nContent-Type: application/x-www-form-urlencoded",
    "application/json\r\nContent_Type: application/x-www-form-urlencoded",
    "text/json",
    "text/plain",
    "text/plain; application/json",
    "application/vnd.api+json",
    "application/csp-report",
    "application/x-ndjson",
    "application/xml",
    "application/octet-stream",
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    "",
];

pub fn add(attacks: &mut Attacks) {
    for path in VERIFY.into_iter().chain(FUND) {
        for object in OBJECTS {
            let text = filled(object, attacks, path);
            let judged = serde_json::from_str(&text).ok();
            attacks.one_judged(Means::Body, caller(attacks, path).body(JSON, text), judged);
        }
        for form in FORMS {
            let text = filled(form, attacks, path);
            attacks.one(Means::Body, caller(attacks, path).body(FORM, text));
        }
        let (field, value) = ordinary(attacks, path);
        let plain = json!({ field: value }).to_string();
        let form = format!("{field}={value}");
        let judged = json!({ field: value });
        attacks.one_judged(
            Means::Body,
            caller(attacks, path).body(JSON, plain.clone()),
            Some(judged.clone()),
        );
        attacks.one_judged(Means::Body, caller(attacks, path).body(FORM, form.clone()), Some(judged));
        for kind in KINDS {
            attacks.one(Means::Body, caller(attacks, path).body(kind, plain.clone()));
            attacks.one(Means::Body, caller(attacks, path).body(kind, form.clone()));
        }
        for draft in encoded(&caller(attacks, path), &plain) {
            attacks.one(Means::Body, draft);
        }
        add_parts(attacks, path, &form);
    }
}

/// Bytes that are not plain UTF-8.
fn encoded(caller: &Draft, plain: &str) -> Vec<Draft> {
    let wide: Vec<u16> = plain.encode_utf16().collect();
    let little: Vec<u8> = wide.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let big: Vec<u8> = wide.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    let marked = |mark: &[u8], text: &[u8]| [mark, text].concat();
    let mut drafts = Vec::new();
    for bytes in [
        Vec::new(),
        b" ".to_vec(),
        b"\0".to_vec(),
        marked(b"\xef\xbb\xbf", plain.as_bytes()),
        marked(b"\xff\xfe", &little),
        marked(b"\xfe\xff", &big),
        little,
        big,
        marked(plain.as_bytes(), b"\0"),
        plain.replace('5', "\u{ff15}").into_bytes(),
        plain.bytes().flat_map(|byte| if byte == b'o' { vec![0xc1, 0xaf] } else { vec![byte] }).collect(),
        [b"{\"a\":".repeat(100), b"1".to_vec(), b"}".repeat(100)].concat(),
        [b"{\"a\":\"".as_slice(), &b"x".repeat(70_000), b"\",", &plain.as_bytes()[1..]].concat(),
    ] {
        for kind in [JSON, "application/json; charset=utf-16le", FORM] {
            drafts.push(caller.clone().body(kind, bytes.clone()));
        }
    }
    for coding in ["gzip", "x-gzip", "GZIP", "gzip, identity", "identity, gzip", "br", "deflate", "identity"]
    {
        let coded =
            if coding.to_lowercase().contains("gzip") { gzip(plain.as_bytes()) } else { plain.into() };
        drafts.push(caller.clone().body(JSON, coded).header("Content-Encoding", coding));
    }
    drafts
}

/// The value in a multipart form and in the query.
fn add_parts(attacks: &mut Attacks, path: &str, form: &str) {
    let (field, value) = ordinary(attacks, path);
    let part = format!("--x\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n--x--\r\n");
    for kind in ["multipart/form-data; boundary=x", "multipart/mixed; boundary=x", JSON, FORM] {
        attacks.one(Means::Body, caller(attacks, path).body(kind, part.clone()));
    }
    for query in
        [form.to_owned(), form.to_uppercase(), format!("{form}&{form}"), form.replacen('=', "[]=", 1)]
    {
        for (kind, body) in [(JSON, "{}"), (FORM, ""), (FORM, form)] {
            let draft = caller(attacks, path).target(format!("{path}?{query}"));
            attacks.one(Means::Body, draft.body(kind, body));
        }
    }
}

fn caller(attacks: &Attacks, path: &str) -> Draft {
    let token = if VERIFY.contains(&path) { attacks.guesser().token } else { attacks.stranger() };
    Draft::new("POST", path).bearer(&token)
}

fn ordinary(attacks: &Attacks, path: &str) -> (&'static str, String) {
    if VERIFY.contains(&path) { ("otp", attacks.guesser().wrong_code) } else { ("amount", "5000".to_owned()) }
}

/// A template for a path; where a code is wanted, half of them also name the challenge.
fn filled(template: &str, attacks: &Attacks, path: &str) -> String {
    let (field, value) = ordinary(attacks, path);
    let text =
        template.replace("FIELD", field).replace("VALUE", &value).replace("field", &field.to_uppercase());
    if field == "amount" {
        return text;
    }
    let reference = attacks.guesser().reference;
    match text.strip_prefix('{') {
        Some(rest) => format!("{{\"transaction_reference\":\"{reference}\",{rest}"),
        None if text.contains('=') => format!("transaction_reference={reference}&{text}"),
        None => text,
    }
}

/// A gzip member with one stored block (RFC 1951, 3.2.4; RFC 1952).
fn gzip(text: &[u8]) -> Vec<u8> {
    let mut sum = !0_u32;
    for byte in text {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = (sum >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(sum & 1));
        }
    }
    let length = u16::try_from(text.len()).unwrap();
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    let size = u32::from(length).to_le_bytes();
    [&head, &length.to_le_bytes()[..], &(!length).to_le_bytes(), text, &(!sum).to_le_bytes(), &size].concat()
}

/// Whether two readers saw the same value. Numbers may be spelt differently.
pub fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, value)| other.get(name).is_some_and(|there| is_same(value, there)))
        }
        _ => one == other,
    }
}
