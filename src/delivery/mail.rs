//! One envelope as the bytes that a relay takes (RFC 5322, RFC 2045, RFC 2046).
//!
//! The text part comes first, and no part is base64: a mail client's notification, a person with a
//! plain reader and the front end's autofill all find the code as it was written.

use std::time::{Duration, SystemTime};

use lettre::address::Address;
use lettre::message::header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue};
use lettre::message::{Body, Mailbox, Message, MultiPart, SinglePart};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::delivery::channel::{DeliveryError, FailureReason};
use crate::delivery::settings::Sender;
use crate::domain::id::{RequestId, hex};
use crate::domain::outbox::Envelope;
use crate::domain::subject::Recipient;
use crate::domain::time::Timestamp;

/// A message ready to be sent.
pub(super) struct Mail {
    /// The envelope sender.
    pub(super) from: Address,
    /// The envelope recipient.
    pub(super) to: Address,
    /// Headers and body, with line ends as the wire has them.
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

/// Puts a mail together.
///
/// # Errors
/// When the recipient is no address that mail can be sent to.
pub(super) fn compose(
    sender: &Sender,
    envelope: &Envelope,
    id: &RequestId,
    now: Timestamp,
) -> Result<Mail, DeliveryError> {
    let from = sender.mailbox();
    let to = address(&envelope.recipient)?;
    let builder = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to.clone()))
        .subject(one_line(&envelope.subject))
        .date(SystemTime::UNIX_EPOCH + Duration::from_millis(now.as_millis()))
        .message_id(Some(message_id(from.email.domain(), envelope, id)))
        // RFC 3834: nobody's holiday notice shall answer a code.
        .raw_header(header("Auto-Submitted", "auto-generated"))
        // Exchange does not heed that one. Non-delivery reports are still welcome, so not `All`.
        .raw_header(header("X-Auto-Response-Suppress", "OOF, AutoReply, DR, RN, NRN"));
    let text = part(ContentType::TEXT_PLAIN, &envelope.text)?;
    let built = match &envelope.html {
        Some(html) => builder.multipart(
            MultiPart::alternative().singlepart(text).singlepart(part(ContentType::TEXT_HTML, html)?),
        ),
        None => builder.singlepart(text),
    };
    let message = built.map_err(|_| unusable())?;
    let bytes = Zeroizing::new(message.formatted());
    Ok(Mail { from: from.email.clone(), to, bytes })
}

/// A mail as it would be sent, for somebody to look at.
///
/// # Errors
/// When the recipient is no address that mail can be sent to.
pub fn written(
    sender: &Sender,
    envelope: &Envelope,
    id: &RequestId,
    now: Timestamp,
) -> Result<Zeroizing<Vec<u8>>, DeliveryError> {
    compose(sender, envelope, id, now).map(|mail| mail.bytes)
}

/// The recipient, its domain in the form that the DNS and every relay know (RFC 5891).
fn address(recipient: &Recipient) -> Result<Address, DeliveryError> {
    let refused =
        || DeliveryError::permanent(FailureReason::RejectedRecipient, "the recipient is not a mail address");
    let (local, domain) = recipient.as_str().rsplit_once('@').ok_or_else(refused)?;
    if domain.is_ascii() {
        return Address::new(local, domain).map_err(|_| refused());
    }
    match url::Host::parse(domain) {
        Ok(url::Host::Domain(ascii)) => Address::new(local, ascii).map_err(|_| refused()),
        _ => Err(refused()),
    }
}

/// A header's value on one line. A line break in it would begin another header.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The same for every attempt, so that a mailbox can tell a message that came twice. The request's
/// own id stays private.
fn message_id(domain: &str, envelope: &Envelope, id: &RequestId) -> String {
    let mut digest = Sha256::new();
    digest.update(id.as_str());
    digest.update(&envelope.subject);
    let digest = hex(&digest.finalize());
    format!("<{}@{domain}>", digest.get(..32).unwrap_or(&digest))
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

fn part(content_type: ContentType, text: &str) -> Result<SinglePart, DeliveryError> {
    Ok(SinglePart::builder().header(content_type).body(encoded(text)?))
}

/// Quoted-printable breaks long lines only, so a code on its own line stays whole in both forms.
/// A lone carriage return would let readers differ about where the message ends.
fn encoded(text: &str) -> Result<Body, DeliveryError> {
    let text = Zeroizing::new(text.replace("\r\n", "\n").replace('\r', "\n"));
    [ContentTransferEncoding::SevenBit, ContentTransferEncoding::QuotedPrintable]
        .into_iter()
        .find_map(|encoding| Body::new_with_encoding(text.to_string(), encoding).ok())
        .ok_or_else(unusable)
}

fn unusable() -> DeliveryError {
    DeliveryError::permanent(FailureReason::RejectedMessage, "the message could not be put together")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(to: &str, subject: &str, text: &str, html: Option<&str>) -> Envelope {
        Envelope {
            recipient: Recipient::parse(to).unwrap(),
            subject: subject.to_owned(),
            text: Zeroizing::new(text.to_owned()),
            html: html.map(|html| Zeroizing::new(html.to_owned())),
        }
    }

    fn composed(envelope: &Envelope) -> String {
        let sender = Sender::parse("Wallet <otp@wallet.example>").unwrap();
        let id = RequestId::parse(&"a".repeat(32)).unwrap();
        let now = Timestamp::from_millis(1_768_000_000_000);
        let mail = compose(&sender, envelope, &id, now).unwrap_or_else(|error| panic!("{error}"));
        String::from_utf8(mail.bytes.to_vec()).unwrap()
    }

    const TEXT: &str = "Your code to add ₦5,000:\n\n603645\n\nIt lasts 5 minutes.\n";

    #[test]
    fn the_code_is_alone_on_its_line_in_the_first_part_and_nothing_is_base64() {
        let long = format!("<p>603645</p>{}", "<p>x=1</p>".repeat(200));
        for (text, html) in [(TEXT, Some(long.as_str())), ("Code:\n\n603645\n", None), (TEXT, None)] {
            let raw = composed(&envelope("jane@example.com", "Your code", text, html));
            let first = raw.split("text/html").next().unwrap();
            assert!(first.contains("text/plain"), "{raw}");
            assert!(first.contains("\r\n603645\r\n"), "{raw}");
            assert!(!raw.to_lowercase().contains("base64"), "{raw}");
            assert!(raw.is_ascii() && raw.lines().all(|line| line.len() <= 998), "{raw}");
        }
    }

    #[test]
    fn a_mail_says_what_it_is() {
        let raw = composed(&envelope("jane@example.com", "Your code", TEXT, Some("<p>603645</p>")));
        for expected in [
            "From: Wallet <otp@wallet.example>\r\n",
            "To: jane@example.com\r\n",
            "Subject: Your code\r\n",
            "Date: Fri, 09 Jan 2026 23:06:40 +0000\r\n",
            "MIME-Version: 1.0\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "X-Auto-Response-Suppress: OOF, AutoReply, DR, RN, NRN\r\n",
            "Content-Type: multipart/alternative;",
            "@wallet.example>\r\n",
        ] {
            assert!(raw.contains(expected), "{expected:?} is missing in\n{raw}");
        }
        assert!(!raw.contains(&"a".repeat(32)), "the request's id went out");
    }

    #[test]
    fn an_attempt_repeats_the_message_id_of_the_one_before_and_another_mail_does_not() {
        let id_of = |subject| {
            let raw = composed(&envelope("jane@example.com", subject, TEXT, None));
            raw.lines().find(|line| line.starts_with("Message-ID: <")).unwrap().to_owned()
        };
        assert_eq!(id_of("Your code"), id_of("Your code"));
        assert_ne!(id_of("Your code"), id_of("Your account is locked"));
    }

    #[test]
    fn a_subject_cannot_begin_another_header() {
        for subject in ["Code\r\nBcc: eve@example.com", "Code\nBcc: eve@example.com", "Ködé\r\nBcc: e@e.e"]
        {
            let raw = composed(&envelope("jane@example.com", subject, TEXT, None));
            assert!(!raw.contains("\nBcc"), "{raw}");
        }
        let raw = composed(&envelope("jane@example.com", "Ihr Code für ₦5,000", TEXT, None));
        assert!(raw.contains("Subject: =?utf-8?b?") || raw.contains("Subject: Ihr Code =?utf-8?b?"), "{raw}");
    }

    #[test]
    fn an_international_domain_goes_out_in_its_ascii_form() {
        let raw = composed(&envelope("jane@bücher.example", "Your code", TEXT, None));
        assert!(raw.contains("To: jane@xn--bcher-kva.example\r\n"), "{raw}");
    }

    #[test]
    fn an_address_that_is_none_is_given_up() {
        let sender = Sender::parse("otp@wallet.example").unwrap();
        let id = RequestId::parse(&"a".repeat(32)).unwrap();
        for bad in ["a..b@example.com", "a@-", "a\\@b", "a@ex_ample..com"] {
            let error = compose(&sender, &envelope(bad, "s", TEXT, None), &id, Timestamp::default());
            let error = error.err().unwrap_or_else(|| panic!("{bad} was taken"));
            assert_eq!(error.reason, FailureReason::RejectedRecipient);
            assert!(!error.to_string().contains(bad));
        }
    }
}
