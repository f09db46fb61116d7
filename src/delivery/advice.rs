//! What to do when a step of a conversation fails. Pure: settings and a cause in, sentences out.

use std::io::ErrorKind;

use crate::delivery::session::failure::{Cause, Step};
use crate::delivery::target::{SmtpTarget, TlsMode};

/// What to try, the likeliest first.
pub(super) fn advice(target: &SmtpTarget, step: Step, cause: &Cause) -> Vec<String> {
    let SmtpTarget { host, port, .. } = target;
    match cause {
        Cause::NoAddress | Cause::UnknownName => vec![
            format!("Is `{host}` spelt right? Try: getent hosts {host}"),
            "In a cluster: does the pod's DNS resolve names outside of it (NetworkPolicy: port 53 to kube-dns)?"
                .to_owned(),
        ],
        Cause::ResolverSilent => vec![format!(
            "The resolver does not answer. Try: getent hosts {host}. In a cluster, allow port 53 to kube-dns."
        )],
        Cause::Unreachable(kind) => unreachable(target, *kind),
        Cause::Silent => silent(target, step),
        Cause::NoStartTls | Cause::PasswordInClear => no_starttls(target),
        Cause::UnknownAuthority => vec![
            "If the relay is yours, name its authority: append ?ca=/path/ca.pem to --smtp.".to_owned(),
            "If it is a public one, install the system's certificates (package ca-certificates), and see \
             whether something in between opens the connection."
                .to_owned(),
        ],
        Cause::WrongName => vec![format!(
            "Use the name that the certificate is for instead of `{host}`. It tells: openssl s_client \
             -connect {host}:{port}{} </dev/null | openssl x509 -noout -ext subjectAltName",
            if target.tls == TlsMode::Implicit { "" } else { " -starttls smtp" }
        )],
        Cause::Expired => vec![
            "The relay's owner must renew its certificate.".to_owned(),
            "Is the clock of this machine right? Try: date -u".to_owned(),
        ],
        Cause::InvalidCertificate => vec![
            "The relay's owner must mend its certificate. A certificate that signed itself is refused: make \
             an authority and a certificate that it signs."
                .to_owned(),
        ],
        Cause::NotTls => vec![
            format!("Port {port} begins in the clear: write smtp:// instead of smtps://, usually with port 587."),
        ],
        Cause::HandshakeFailed | Cause::HandshakeBroken => vec![
            "The relay may know only old versions of TLS (1.2 is the oldest that is spoken), or want a \
             certificate of the client, which is not supported."
                .to_owned(),
        ],
        Cause::NoMechanism => no_mechanism(target),
        Cause::Refused { code, enhanced } => refused(target, step, *code, enhanced.as_deref().unwrap_or("")),
        Cause::AsciiOnly => vec![
            "The relay knows no addresses outside ASCII (SMTPUTF8): try another address, or another relay."
                .to_owned(),
        ],
        Cause::Broken(_) | Cause::Closed => closed(target, step),
        Cause::NotSmtp => vec![format!(
            "Something other than a mail relay listens on {host}:{port}. Try: nc {host} {port} (a relay says 220 …)"
        )],
        Cause::Unusable(_) => vec!["Check the address behind --to.".to_owned()],
    }
}

fn unreachable(target: &SmtpTarget, kind: ErrorKind) -> Vec<String> {
    let SmtpTarget { host, port, .. } = target;
    match kind {
        ErrorKind::ConnectionRefused => vec![
            format!(
                "Nothing listens on port {port} of {host}. Usual ports: 587 (smtp://), 465 (smtps://), 25."
            ),
            "Or a firewall refuses: see whether it lets this machine out to that port.".to_owned(),
        ],
        ErrorKind::TimedOut => firewall(target),
        _ => vec![
            format!(
                "There is no way to {host} from here: look at routes, and at IPv6 if it has only such an address."
            ),
            format!("Try: nc -vz {host} {port}"),
        ],
    }
}

fn firewall(target: &SmtpTarget) -> Vec<String> {
    let SmtpTarget { host, port, .. } = target;
    let mut advice = vec![
        format!(
            "A firewall probably drops the connection: allow TCP to port {port}. Try: nc -vz {host} {port}"
        ),
        format!("In a cluster, allow port {port} in the NetworkPolicy for egress."),
    ];
    match port {
        25 => advice.insert(0, "Most clouds block port 25: use 587 or 465 with a login.".to_owned()),
        465 => advice.push("Some networks block 465 and let 587 through: try smtp://…:587.".to_owned()),
        587 => advice.push("Some networks block 587 and let 465 through: try smtps://…:465.".to_owned()),
        _ => {}
    }
    advice
}

fn silent(target: &SmtpTarget, step: Step) -> Vec<String> {
    match (step, target.tls) {
        (Step::Greeting, TlsMode::Required | TlsMode::Opportunistic | TlsMode::None) => vec![
            "A relay that says nothing often waits for TLS: write smtps:// instead of smtp://, usually with \
             port 465."
                .to_owned(),
            "Some relays let strangers wait before they greet: try a longer --timeout.".to_owned(),
        ],
        (Step::Tls, TlsMode::Implicit) => vec![
            "The port may begin in the clear: write smtp:// instead of smtps://, usually with port 587."
                .to_owned(),
        ],
        (Step::Message, _) => vec![
            "The relay took the message and does not say whether it keeps it; a scanner may be slow. Look \
             whether the mail arrives, and try a longer --timeout."
                .to_owned(),
        ],
        (Step::Connect, _) => firewall(target),
        _ => vec![
            "The relay is overloaded, or something in between holds the connection: try again, then \
                   ask its owner."
                .to_owned(),
        ],
    }
}

fn no_starttls(target: &SmtpTarget) -> Vec<String> {
    let mut advice = match target.port {
        465 => {
            vec!["Port 465 is encrypted from the first byte: write smtps:// instead of smtp://.".to_owned()]
        }
        25 => vec!["Port 25 is for mail between relays: use smtp://…:587 with a login.".to_owned()],
        _ => vec!["Switch STARTTLS on at the relay, or use its encrypted port: smtps://…:465.".to_owned()],
    };
    advice.push(
        "If the relay offers it to others, something in between takes the offer away; do not go on without \
         encryption."
            .to_owned(),
    );
    advice
}

fn no_mechanism(target: &SmtpTarget) -> Vec<String> {
    let mut advice = vec![
        "The relay offers no login here. If it lets this machine send without one, take user and password \
         out of --smtp."
            .to_owned(),
        "Relays that take only OAuth or CRAM-MD5 are not supported: switch AUTH PLAIN or LOGIN on."
            .to_owned(),
    ];
    if target.port == 25 {
        advice.insert(0, "Port 25 takes no logins at most relays: use smtp://…:587.".to_owned());
    }
    advice
}

fn closed(target: &SmtpTarget, step: Step) -> Vec<String> {
    match (step, target.tls) {
        (Step::Greeting, TlsMode::Required | TlsMode::Opportunistic | TlsMode::None)
            if target.port == 465 =>
        {
            vec!["Port 465 is encrypted from the first byte: write smtps:// instead of smtp://.".to_owned()]
        }
        (Step::Greeting, _) => vec![
            "The relay hangs up on this machine: it may have to be on the relay's list of senders."
                .to_owned(),
            "Too many connections at once are refused like this too: try again later.".to_owned(),
        ],
        _ => vec!["Try again; if it stays so, the relay's log says why it hangs up.".to_owned()],
    }
}

fn refused(target: &SmtpTarget, step: Step, code: u16, enhanced: &str) -> Vec<String> {
    let one = |text: &str| vec![text.to_owned()];
    match (step, code, enhanced) {
        (_, 421, _) => one("The relay is busy or shuts down, or sees too many connections: try again later."),
        (Step::Auth, 400..=499, _) => {
            one("The relay cannot check the login now, or saw too many wrong ones: wait some minutes.")
        }
        (_, 530 | 534 | 535 | 538, _) | (Step::Auth, ..) => login_refused(target, code, enhanced),
        (Step::Tls, ..) => {
            one("The relay offers STARTTLS and then refuses it: its own certificate is probably not set up.")
        }
        (Step::MailFrom, 400..=499, _) => one(
            "The relay takes nothing for now: a rate limit, or trouble of its own. Try again in some minutes.",
        ),
        (Step::MailFrom, ..) => vec![
            "The relay does not let this login send as that address: set --mail-from to the account's own \
             address, or allow the alias there."
                .to_owned(),
            "With a provider such as SES or SendGrid, verify the sender's address or domain first."
                .to_owned(),
        ],
        (Step::RcptTo, 450..=459, _) => vec![
            "The recipient is refused for now: greylisting ends after some minutes; a full mailbox does not."
                .to_owned(),
        ],
        (Step::RcptTo, _, "5.1.1" | "5.1.10" | "5.1.0") => {
            one("There is no such mailbox: check the address behind --to.")
        }
        (Step::RcptTo, _, "5.2.2") => one("The mailbox is full: try another address."),
        (Step::RcptTo, ..) => vec![
            "Check the address behind --to.".to_owned(),
            "If the relay says that relaying is denied: it only takes mail for its own domains without a \
             login. Put user and password into --smtp."
                .to_owned(),
            "A provider's sandbox sends to verified addresses only: ask for production access.".to_owned(),
        ],
        (Step::Data | Step::Message, 552 | 452, _) | (_, _, "5.3.4" | "5.2.3") => {
            one("The message is too large for the relay, or the mailbox is full: shorten the template.")
        }
        (Step::Data | Step::Message, 400..=499, _) => vec![
            "The relay takes no more for now: a rate limit, greylisting, or a queue that is full. Real mails \
             are tried again for as long as their code lives; raise the limit at the relay."
                .to_owned(),
        ],
        (Step::Data | Step::Message, ..) => vec![
            "The relay refuses what the mail says or looks like: spam filters look at the sender's SPF, DKIM \
             and DMARC records first."
                .to_owned(),
            "See what is sent: otp-sidecar mail preview PURPOSE --part all".to_owned(),
        ],
        (_, 554, _) => vec![
            "The relay does not talk to this machine: its address may be on a block list, or missing on the \
             relay's list of senders."
                .to_owned(),
        ],
        _ => one("The relay's log says why."),
    }
}

fn login_refused(target: &SmtpTarget, code: u16, enhanced: &str) -> Vec<String> {
    let mut advice = Vec::new();
    if is_gmail(&target.host) {
        advice.push(
            "Gmail takes no account password here, only an app password: switch 2-Step Verification on at \
             https://myaccount.google.com/security, make one at https://myaccount.google.com/apppasswords, and \
             put its 16 letters into EMAIL_PASS without spaces."
                .to_owned(),
        );
        advice.push(
            "\"Less secure app access\" does not exist any more, so switching it on is no way out."
                .to_owned(),
        );
        advice.push("EMAIL_USER must be the whole address of that account.".to_owned());
        return advice;
    }
    match (code, enhanced) {
        (530, "5.7.0") if target.tls != TlsMode::Implicit && target.tls != TlsMode::Required => {
            advice.push("The relay wants encryption first: write ?tls=required.".to_owned());
        }
        (530, _) => advice.push("The relay wants a login: write smtp://user:password@host into --smtp.".to_owned()),
        (534 | 535, "5.7.9" | "5.7.139") => advice.push(
            "The provider refuses passwords of people here: make an app password, or allow SMTP AUTH for the \
             mailbox."
                .to_owned(),
        ),
        _ => {}
    }
    advice.push(
        "User or password is wrong. Write special characters in --smtp percent-encoded (@ as %40, / as %2F)."
            .to_owned(),
    );
    advice.push(
        "Some providers want the whole address as the user, some an API key (SendGrid: the user is `apikey`)."
            .to_owned(),
    );
    advice
}

fn is_gmail(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    ["gmail.com", "googlemail.com", "smtp-relay.gmail.com"]
        .iter()
        .any(|domain| host == *domain || host.ends_with(&format!(".{domain}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::target::parse_smtp;

    fn first(url: &str, step: Step, cause: &Cause) -> String {
        let env =
            |name: &str| (name == "EMAIL_USER" || name == "EMAIL_PASS").then(|| "x@gmail.com".to_owned());
        let target = parse_smtp(url, &env).unwrap();
        advice(&target, step, cause).join("\n")
    }

    fn reply(code: u16, enhanced: &str) -> Cause {
        Cause::Refused { code, enhanced: (!enhanced.is_empty()).then(|| enhanced.to_owned()) }
    }

    #[test]
    fn each_failure_of_the_guide_is_told_how_to_mend_it() {
        for (url, step, cause, expected) in [
            ("gmail", Step::Auth, reply(535, "5.7.8"), "https://myaccount.google.com/apppasswords"),
            ("smtp://a:b@r.example", Step::Auth, reply(535, "5.7.8"), "percent-encoded"),
            ("smtp://r.example", Step::MailFrom, reply(530, "5.7.0"), "wants a login"),
            ("smtp://r.example:587", Step::Connect, Cause::Unreachable(ErrorKind::TimedOut), "port 587"),
            ("smtp://r.example:25", Step::Connect, Cause::Unreachable(ErrorKind::TimedOut), "block port 25"),
            ("smtp://r.example", Step::Connect, Cause::Unreachable(ErrorKind::ConnectionRefused), "listens"),
            ("smtp://r.example:465", Step::Greeting, Cause::Silent, "smtps://"),
            ("smtps://r.example:587", Step::Tls, Cause::NotTls, "smtp://"),
            ("smtp://r.example:2525", Step::Tls, Cause::NoStartTls, "Switch STARTTLS on"),
            ("smtp://r.example", Step::Tls, Cause::UnknownAuthority, "?ca="),
            ("smtp://r.example", Step::Tls, Cause::WrongName, "-starttls smtp"),
            ("smtp://r.example", Step::RcptTo, reply(550, "5.1.1"), "no such mailbox"),
            ("smtp://r.example", Step::RcptTo, reply(554, "5.7.1"), "relaying is denied"),
            ("smtp://r.example", Step::Message, reply(552, "5.3.4"), "too large"),
            ("smtp://r.example", Step::Message, reply(550, "5.7.1"), "DKIM"),
            ("smtp://r.example", Step::Message, reply(451, "4.7.0"), "rate limit"),
        ] {
            let told = first(url, step, &cause);
            assert!(told.contains(expected), "{url} {step:?} {cause:?}: {told}");
        }
    }

    #[test]
    fn only_googles_relays_are_taken_for_gmail() {
        for (host, is) in [("smtp.gmail.com", true), ("SMTP.GMAIL.COM", true), ("notgmail.com", false)] {
            assert_eq!(is_gmail(host), is, "{host}");
        }
    }
}
