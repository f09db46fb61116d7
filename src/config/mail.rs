//! The flags of the mail relay.

use std::path::PathBuf;

use clap::Args;

use super::Mail;
use super::problems::Problems;
use super::typed::Typed;
use crate::delivery::target::{SmtpTarget, parse_smtp};

/// The relay and the sender, as `serve` and `mail test` take them.
#[derive(Debug, Args)]
pub struct MailFlags {
    /// What of it was typed.
    #[command(flatten)]
    pub typed: Typed,

    /// The mail relay: smtp://user:pass@host:587 (STARTTLS; more with ?tls=opportunistic, ?tls=none or
    /// ?ca=FILE), smtps://user:pass@host:465, or gmail (smtp.gmail.com:465 with EMAIL_USER and EMAIL_PASS).
    /// Needed when the policies send codes.
    #[arg(long, env = "OTP_SIDECAR_SMTP", value_name = "URL", hide_env_values = true)]
    pub smtp: Option<String>,

    /// A file with what --smtp would say.
    #[arg(long, env = "OTP_SIDECAR_SMTP_FILE", value_name = "FILE")]
    pub smtp_file: Option<PathBuf>,

    /// The sender's address [default: EMAIL_USER].
    #[arg(long, env = "OTP_SIDECAR_MAIL_FROM", value_name = "ADDRESS")]
    pub mail_from: Option<String>,
}

impl MailFlags {
    /// Checks the flags on their own; `None` when no relay is named.
    ///
    /// # Errors
    /// One sentence for each flag that is wrong.
    pub fn read(self, env: &dyn Fn(&str) -> Option<String>) -> Result<Option<Mail>, Vec<String>> {
        let mut problems = Problems::default();
        let mail = self.check(&mut problems, env);
        if problems.0.is_empty() { Ok(mail) } else { Err(problems.0) }
    }

    /// Checks the flags among others.
    pub(super) fn check(self, problems: &mut Problems, env: &dyn Fn(&str) -> Option<String>) -> Option<Mail> {
        let text = problems.note(self.typed.either("smtp", self.smtp, self.smtp_file))??;
        let relay = parse_smtp(&text, env).map_err(|problem| problem.to_string());
        let relay = problems.take("smtp", relay)?;
        problems.take("mail-from", sender(relay, self.mail_from, env))
    }
}

fn sender(
    relay: SmtpTarget,
    from: Option<String>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Mail, String> {
    let from = from
        .or_else(|| env("EMAIL_USER"))
        .ok_or("who sends the mails? Give --mail-from, or set EMAIL_USER")?;
    let address = from.rsplit_once('<').map_or(from.as_str(), |(_, rest)| rest.trim_end_matches('>'));
    match crate::domain::subject::Recipient::parse(address.trim()) {
        Ok(_) => Ok(Mail { relay, from }),
        Err(problem) => Err(format!("the sender {problem}")),
    }
}
