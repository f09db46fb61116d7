//! One caught mail, read as far as the demo needs it: who, about what, and its plain-text part.
//!
//! Reads the small part of MIME (RFC 2045, RFC 2046) that mail of this kind uses. What it does not
//! understand it shows as it came.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A caught mail.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// The sender of the envelope.
    pub from: String,
    /// The recipients of the envelope.
    pub to: Vec<String>,
    /// The subject line.
    pub subject: String,
    /// The plain-text part.
    pub text: String,
}

impl Mail {
    /// Reads a message as it came over the wire.
    pub fn parse(from: &str, to: &[String], message: &[u8]) -> Self {
        let message = String::from_utf8_lossy(message).replace("\r\n", "\n");
        let (head, body) = split_head(&message);
        Self {
            from: from.to_owned(),
            to: to.to_vec(),
            subject: header(&head, "subject").unwrap_or_default(),
            text: plain_text(&head, body, 0).unwrap_or_else(|| body.to_owned()),
        }
    }

    /// The code: the first line of the text that is nothing but 6 to 10 digits.
    pub fn code(&self) -> Option<&str> {
        let is_code =
            |line: &&str| (6..=10).contains(&line.len()) && line.bytes().all(|b| b.is_ascii_digit());
        self.text.lines().map(str::trim).find(is_code)
    }
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mail(***)")
    }
}

/// Header lines with continuations joined (RFC 5322, section 2.2.3), and the rest.
fn split_head(part: &str) -> (Vec<String>, &str) {
    let (head, body) = part.split_once("\n\n").unwrap_or((part, ""));
    let mut lines: Vec<String> = Vec::new();
    for line in head.lines() {
        match lines.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => last.push_str(line),
            _ => lines.push(line.to_owned()),
        }
    }
    (lines, body)
}

fn header(head: &[String], name: &str) -> Option<String> {
    head.iter().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

/// The first plain-text part of a body, looked for in nested parts as well.
fn plain_text(head: &[String], body: &str, depth: u8) -> Option<String> {
    let content_type = header(head, "content-type").unwrap_or_else(|| "text/plain".to_owned());
    if content_type.to_lowercase().starts_with("multipart/") && depth < 4 {
        let boundary = format!("--{}", parameter(&content_type, "boundary")?);
        return body.split(boundary.as_str()).skip(1).find_map(|part| {
            let (head, body) = split_head(part.strip_prefix('\n')?);
            plain_text(&head, body, depth + 1)
        });
    }
    if !content_type.to_lowercase().starts_with("text/plain") {
        return None;
    }
    let encoding = header(head, "content-transfer-encoding").unwrap_or_default().to_lowercase();
    let decoded = match encoding.as_str() {
        "quoted-printable" => quoted_printable(body),
        "base64" => STANDARD.decode(body.split_whitespace().collect::<String>()).ok()?,
        _ => body.as_bytes().to_vec(),
    };
    Some(String::from_utf8_lossy(&decoded).replace("\r\n", "\n").trim_end().to_owned())
}

fn parameter(value: &str, name: &str) -> Option<String> {
    value.split(';').skip(1).find_map(|pair| {
        let (found, value) = pair.split_once('=')?;
        found.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// RFC 2045, section 6.7.
fn quoted_printable(body: &str) -> Vec<u8> {
    let joined = body.replace("=\n", "");
    let mut decoded = Vec::with_capacity(joined.len());
    let mut rest = joined.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'=').then(|| after.get(..2).and_then(hex_byte)).flatten();
        match (escaped, after.get(2..)) {
            (Some(byte), Some(beyond)) => {
                decoded.push(byte);
                rest = beyond;
            }
            _ => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    decoded
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(message: &str) -> String {
        Mail::parse("a@b", &[], message.replace('\n', "\r\n").as_bytes()).text
    }

    #[test]
    fn the_text_part_of_an_alternative_is_found_and_its_code_read() {
        let message = "Subject: Your code\n for the wallet\nContent-Type: multipart/alternative;\n boundary=\"x=y\"\n\n\
            --x=y\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 7bit\n\n\
            Hello 123,\n\n042042\n\nIt lasts 5 minutes.\n\n--x=y\nContent-Type: text/html\n\n<b>042042</b>\n--x=y--\n";
        let mail = Mail::parse("a@b", &["c@d".to_owned()], message.replace('\n', "\r\n").as_bytes());
        assert_eq!(mail.subject, "Your code for the wallet");
        assert_eq!(mail.code(), Some("042042"));
        assert!(!mail.text.contains("<b>"), "{}", mail.text);
    }

    #[test]
    fn encodings_are_undone() {
        let quoted = "Content-Transfer-Encoding: quoted-printable\n\nA caf=C3=A9 wi=\nth = and =zz\n";
        assert_eq!(text_of(quoted), "A café with = and =zz");
        assert_eq!(text_of("Content-Transfer-Encoding: base64\n\nMTIz\nNDU2\n"), "123456");
        assert_eq!(text_of("Subject: x\n\n123456"), "123456");
    }

    #[test]
    fn digits_within_a_sentence_are_no_code() {
        for text in ["Pay 123456 now", "12345", "12345678901", "", "１２３４５６"] {
            let mail =
                Mail { from: String::new(), to: vec![], subject: String::new(), text: text.to_owned() };
            assert_eq!(mail.code(), None, "{text:?}");
        }
    }

    #[test]
    fn a_broken_message_is_shown_as_it_came() {
        for message in ["", "\n\n", "Content-Type: multipart/mixed\n\nx", "Content-Type: image/png\n\nx"] {
            let _ = text_of(message);
        }
        assert_eq!(text_of("Content-Type: multipart/mixed\n\nx"), "x");
    }

    #[test]
    fn a_caught_mail_does_not_show_in_debug_output() {
        assert_eq!(format!("{:?}", Mail::parse("a@b", &[], b"\r\n\r\n123456")), "Mail(***)");
    }
}
