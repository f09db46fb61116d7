use super::*;
use crate::store::contract::StoreError;

fn text(text: &str) -> Value {
    Value::BulkString(text.as_bytes().to_vec())
}

fn list(values: &[Value]) -> Value {
    Value::Array(values.to_vec())
}

fn refused<T>(read: Read<T>) -> bool {
    matches!(read, Err(StoreError::Protocol(_)))
}

#[test]
fn a_reply_of_another_form_is_an_error() {
    let (purpose, subject) = (Purpose::parse("p").unwrap(), Subject::parse("u1").unwrap());
    let (now, account) = (Value::Int(5), list(&[0; 7].map(Value::Int)));
    for broken in [
        Value::Nil,
        text("OK"),
        list(&[]),
        list(&[text("5")]),
        list(&[now.clone(), text("granted"), text("FUND-1")]),
        list(&[now.clone(), text("revoked"), text("x"), text("p")]),
        list(&[now.clone(), text("nothing"), text("more")]),
        list(&[now.clone(), account.clone()]),
        list(&[now.clone(), account.clone(), list(&[]), now.clone()]),
        list(&[now.clone(), list(&[0; 6].map(Value::Int)), list(&[])]),
        list(&[now.clone(), Value::Int(1), now.clone(), text("u1"), list(&[list(&[text("u1"), account])])]),
    ] {
        assert!(refused(locks(broken.clone(), &purpose)), "{broken:?} was taken");
        assert!(refused(challenges(broken.clone(), &purpose)) && refused(revoke(broken.clone())));
        assert!(refused(clear(broken.clone(), 0)) && refused(add_counts(broken.clone())));
        let views = look(broken.clone(), &subject, &[purpose.clone(), purpose.clone()]);
        assert!(refused(views) && refused(numbers("reset", broken.clone(), 1)));
        assert!(refused(inspect(broken.clone(), 1)) && refused(scan(broken)));
    }
}

#[test]
fn codes_and_phases_are_read_strictly() {
    let read = |phase: &str, codes: &str| {
        let entry = list(&[text("u1"), text("FUND-1"), text(phase), text(codes)]);
        let reply = list(&[Value::Int(5), Value::Int(1), Value::Int(9), text("u1"), list(&[entry])]);
        challenges(reply, &Purpose::parse("p").unwrap()).map(|part| part.entries)
    };
    let codes = &read("live", "1 2 k1.1f2e3d4c;3 4 k2").unwrap()[0].codes;
    assert_eq!((codes.len(), codes[0].key.as_str()), (2, "k1.1f2e3d4c"));
    for (phase, codes) in [
        ("live", ""),
        ("live", "1 2"),
        ("live", "1 2 a:f00d"),
        ("live", "1 2 a b"),
        ("reserved", "1 2 a"),
        ("reserved jane", "1 2 a"),
        ("gone", "1 2 a"),
    ] {
        assert!(refused(read(phase, codes)), "{phase} {codes} was taken");
    }
}

#[test]
fn a_record_is_read_strictly() {
    let good = "5\n1\np\nFUND-1\nrevoke\nu1\n\n\njane\nticket 7";
    let records = records(list(&[text(good)])).unwrap();
    assert_eq!((records[0].action, records[0].changed), (Action::Revoke, true));
    for (from, to) in
        [("5\n1", "5\n2"), ("5\n", "x\n"), ("revoke", "dance"), ("jane", ""), ("ticket 7", "a\nb")]
    {
        let broken = list(&[text(&good.replacen(from, to, 1))]);
        assert!(refused(super::records(broken)), "{from} as {to} was taken");
    }
}

#[test]
fn keys_of_a_newer_version_are_passed_over_and_numbers_are_not() {
    let day = |value: &str| list(&[text("issued:p"), text("3"), text("moon-phase:p"), text(value)]);
    let counted = counts(day("1")).unwrap();
    assert_eq!((counted.len(), counted.sum()), (1, 3));
    assert!(refused(counts(day("many"))));
}
