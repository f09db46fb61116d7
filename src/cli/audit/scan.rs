//! Codes and tokens in one line of a log. Pure, and it never gives away what it found.

/// What must not be in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Leak {
    /// A number as long as a code, beside a word that says it is one.
    Code,
    /// A JSON Web Token.
    Jwt,
    /// A bearer token.
    Bearer,
}

impl Leak {
    /// The word in reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Jwt => "JWT",
            Self::Bearer => "bearer token",
        }
    }
}

/// The last words of a name under which a code would stand.
const CODE_WORDS: [&str; 6] = ["otp", "code", "pin", "passcode", "totp", "password"];

/// Words before `code` that make another thing of it.
const OTHER_CODES: [&str; 16] = [
    "status", "http", "error", "exit", "country", "zip", "postal", "area", "response", "reason", "currency",
    "bank", "sort", "language", "dial", "event",
];

/// Words that may stand between the name and the number in a sentence.
const FILLERS: [&str; 5] = ["is", "was", "are", "the", "for"];

/// Everything in this line that must not be there, each kind once.
pub(super) fn leaks(line: &str) -> Vec<Leak> {
    let mut found = Vec::new();
    if has_code(line) {
        found.push(Leak::Code);
    }
    if has_jwt(line) {
        found.push(Leak::Jwt);
    }
    if has_bearer(line) {
        found.push(Leak::Bearer);
    }
    found
}

/// Whether a number of 6 to 8 digits stands right behind a name that says it is a code.
fn has_code(line: &str) -> bool {
    let mut from = 0;
    while let Some(start) = line.get(from..).and_then(|rest| rest.find(|c: char| c.is_ascii_digit())) {
        let start = from + start;
        let digits = line.get(start..).unwrap_or_default();
        let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        from = start + length;
        let before = line.get(..start).unwrap_or_default();
        let after = line.get(from..).and_then(|rest| rest.chars().next());
        if (6..=8).contains(&length) && stands_alone(before, after) && is_named_a_code(before) {
            return true;
        }
    }
    false
}

/// Not a piece of a longer word, of a time or of a fraction.
fn stands_alone(before: &str, after: Option<char>) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let before = before.chars().next_back();
    !before.is_some_and(|c| is_part(c) || c == '.') && !after.is_some_and(is_part)
}

/// Whether the text ends with such a name, and signs that join a name and a value.
fn is_named_a_code(before: &str) -> bool {
    let joins =
        |c: char| matches!(c, ':' | '=' | '"' | '\'' | '\\' | ' ' | '\t' | '>' | '(' | '[' | '`' | '#');
    let mut rest = before.trim_end_matches(joins);
    // A value must be joined to its name: two numbers side by side are not name and value.
    if rest.len() == before.len() {
        return false;
    }
    for _ in 0..2 {
        let (word, left) = last_word(rest);
        if FILLERS.contains(&word.to_ascii_lowercase().as_str()) {
            rest = left.trim_end_matches(joins);
        }
    }
    let (name, left) = last_word(rest);
    let parts = words(name);
    let Some(last) = parts.last() else { return false };
    let before_last = match parts.len() {
        1 => last_word(left.trim_end_matches([' ', '\t'])).0.to_ascii_lowercase(),
        _ => parts.get(parts.len() - 2).cloned().unwrap_or_default(),
    };
    CODE_WORDS.contains(&last.as_str()) && !(last == "code" && OTHER_CODES.contains(&before_last.as_str()))
}

/// The name at the end of a text, and what is before it.
fn last_word(text: &str) -> (&str, &str) {
    let start = text
        .rfind(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-')))
        .map_or(0, |at| at + text.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8));
    (text.get(start..).unwrap_or_default(), text.get(..start).unwrap_or_default())
}

/// `verificationCode`, `otp_code` and `otp-code` as their words, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        if matches!(c, '_' | '-') || (c.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        if !matches!(c, '_' | '-')
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        was_lower = c.is_lowercase() || c.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// `eyJ…` is `{"` in base64url: the head of a token, with claims behind a dot.
fn has_jwt(line: &str) -> bool {
    line.match_indices("eyJ").any(|(at, _)| {
        let rest = line.get(at..).unwrap_or_default();
        let mut parts =
            rest.split('.').map(|part| part.find(|c| !is_token_char(c)).map_or(part.len(), |end| end));
        let (head, claims) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let head_ends_at_dot = rest.get(head..).is_some_and(|rest| rest.starts_with('.'));
        head >= 10 && head_ends_at_dot && claims >= 10
    })
}

/// `Bearer` and sixteen characters or more, in any case.
fn has_bearer(line: &str) -> bool {
    let lower = line.to_ascii_lowercase();
    lower.match_indices("bearer").any(|(at, word)| {
        let rest = lower.get(at + word.len()..).unwrap_or_default();
        let token = rest.trim_start_matches([' ', ':', '=', '"', '\'', '\\']);
        let length = token
            .find(|c: char| !(is_token_char(c) || matches!(c, '.' | '~' | '+' | '/')))
            .unwrap_or(token.len());
        let is_joined = token.len() < rest.len();
        let has_digit = token.get(..length).is_some_and(|token| token.bytes().any(|b| b.is_ascii_digit()));
        is_joined && length >= 16 && has_digit
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_beside_its_name_is_found_in_every_usual_form() {
        for line in [
            r#"{"level":"info","otp":"603645"}"#,
            r#"{"otp":603645,"x":1}"#,
            "OTP sent: otp=603645 to a***@example.com",
            "otp: '603645'",
            "Your OTP is 603645",
            "the code is 603645.",
            "verificationCode: 12345678",
            "POST /verify?otp=603645&x=1 200",
            r#"body: "{\"otp\":\"603645\",\"transaction_reference\":\"FUND-1\"}""#,
            "plain_otp => 603645",
            "otp 603645",
            r#"{"otp":"603645"#,
        ] {
            assert_eq!(leaks(line), [Leak::Code], "{line}");
        }
    }

    #[test]
    fn other_numbers_are_left_alone() {
        for line in [
            r#"{"message":"OTP sent","expiresIn":300,"amount":500000}"#,
            r#"{"otp_pending_count":123456}"#,
            r#"{"otpExpiresIn":300000}"#,
            "status code: 500123",
            "error_code=100234 zip code 123456",
            "otp sent at 1705948200123",
            "reference FUND-170594-603645 otp verified",
            "otp latency 0.603645",
            "otp=***",
            "otp=60364",
            "code=603645123",
            "request 603645 done",
            "",
            "otp",
        ] {
            assert!(leaks(line).is_empty(), "{line}: {:?}", leaks(line));
        }
    }

    #[test]
    fn tokens_are_found_whole_or_cut_and_stars_are_not() {
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJpZCI6ImFkYSJ9.c2lnbmF0dXJl";
        assert_eq!(leaks(&format!("GET / token={jwt}")), [Leak::Jwt]);
        assert_eq!(leaks(&format!("authorization: Bearer {jwt}")), [Leak::Jwt, Leak::Bearer]);
        assert_eq!(leaks("token eyJhbGciOiJIUzI1NiJ9.eyJpZCI6ImFkY"), [Leak::Jwt]);
        assert_eq!(leaks(r#""Authorization":"bearer 0123456789abcdef01""#), [Leak::Bearer]);
        for clean in [
            "Bearer ***",
            "Bearer [redacted]",
            "eyJ",
            "bearer-token-authentication-is-on",
            "WWW-Authenticate: Bearer",
        ] {
            assert!(leaks(clean).is_empty(), "{clean}");
        }
    }

    #[test]
    fn no_text_makes_it_fail() {
        for line in ["é603645", "otp=é", "\u{202e}otp=603645é", "otp\u{3000}603645", "=603645", "ß: 603645"]
        {
            let _found = leaks(line);
        }
    }
}
