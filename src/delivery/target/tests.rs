use super::*;

fn parse(text: &str) -> Result<SmtpTarget, UriError> {
    parse_smtp(text, &|_| None)
}

fn shape(text: &str) -> (String, u16, TlsMode) {
    let target = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    (target.host, target.port, target.tls)
}

#[test]
fn the_documented_forms_have_their_documented_meaning() {
    let of = |host: &str, port, tls| (host.to_owned(), port, tls);
    assert_eq!(shape("smtp://mail.example.com"), of("mail.example.com", 587, TlsMode::Required));
    assert_eq!(shape("smtp://h:25?tls=required"), of("h", 25, TlsMode::Required));
    assert_eq!(shape("smtp://h?tls=opportunistic"), of("h", 587, TlsMode::Opportunistic));
    assert_eq!(shape("smtps://h"), of("h", 465, TlsMode::Implicit));
    assert_eq!(shape("smtps://[2001:db8::1]:4465/"), of("2001:db8::1", 4465, TlsMode::Implicit));
    for host in ["127.0.0.1", "localhost", "[::1]"] {
        assert_eq!(shape(&format!("smtp://{host}:2525?tls=none")).2, TlsMode::None);
    }
}

#[test]
fn user_and_password_are_percent_decoded() {
    let target = parse("smtp://jane%40example.com:p%40s%2Fs+%25%C3%A4@h").unwrap();
    let login = target.credentials.unwrap();
    assert_eq!((login.user.as_str(), login.password.as_str()), ("jane@example.com", "p@s/s+%ä"));
}

#[test]
fn a_private_authority_can_be_named() {
    let target = parse("smtp://h?ca=/etc/ssl/my%20ca.pem&tls=required").unwrap();
    assert_eq!(target.ca_file, Some(PathBuf::from("/etc/ssl/my ca.pem")));
    assert_eq!(parse("smtp://127.0.0.1?tls=none&ca=/x"), Err(UriError::Ca));
    assert_eq!(parse("smtp://h?ca="), Err(UriError::Ca));
}

#[test]
fn gmail_takes_its_login_from_the_environment() {
    let env = |name: &str| Some(format!("value of {name}"));
    let target = parse_smtp("gmail", &env).unwrap();
    assert_eq!((target.host.as_str(), target.tls), ("smtp.gmail.com", TlsMode::Implicit));
    assert_eq!(target.credentials.unwrap().user, "value of EMAIL_USER");
    assert_eq!(parse("gmail"), Err(UriError::GmailLogin));
    assert_eq!(parse_smtp("gmail", &|_| Some(String::new())), Err(UriError::GmailLogin));
}

#[test]
fn codes_never_cross_a_network_in_the_clear() {
    for host in ["mail.example.com", "10.0.0.1", "localhost.example.com", "127.0.0.1.example.com"] {
        assert_eq!(parse(&format!("smtp://{host}?tls=none")), Err(UriError::Unencrypted), "{host}");
    }
}

#[test]
fn what_is_not_understood_is_refused_and_never_repeated() {
    let cases = [
        ("", UriError::Form),
        ("mail.example.com:587", UriError::Form),
        ("http://u:hunter2@h", UriError::Form),
        ("smtp://", UriError::Form),
        ("smtp://u:hunter2/x@h:587", UriError::Form),
        ("smtp://u:12/hunter2@h:587", UriError::Path),
        ("smtp://u:12#hunter2@h", UriError::Path),
        ("smtp://u:12?hunter2@h", UriError::Parameter),
        ("smtp://u@h", UriError::HalfLogin),
        ("smtp://:hunter2@h", UriError::HalfLogin),
        ("smtp://u:hunter2%zz@h", UriError::Escape),
        ("smtp://u:hunter2%ff@h", UriError::Escape),
        ("smtp://u:hunter2%f@h", UriError::Escape),
        ("smtp://u:hunter2@h?tls=off", UriError::TlsValue),
        ("smtp://u:hunter2@h?tls=required&tls=none", UriError::Parameter),
        ("smtp://u:hunter2@h?TLS=none", UriError::Parameter),
        ("smtps://u:hunter2@h?tls=required", UriError::TlsTwice),
    ];
    for (text, expected) in cases {
        let error = parse(text).expect_err(text);
        assert_eq!(error, expected, "{text}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{text} leaks");
    }
}

#[test]
fn a_login_never_shows_in_debug_output() {
    let target = parse("smtp://jane:hunter2@h").unwrap();
    let shown = format!("{target:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("jane"), "{shown}");
}
