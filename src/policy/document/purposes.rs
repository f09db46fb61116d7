//! `purposes`.

use super::fields::Fields;
use super::tree::{Node, Text};
use crate::policy::diagnostic::Collector;

/// One purpose. Its fields are missing when its value could not be read.
#[derive(Debug)]
pub struct Purpose {
    /// Its name.
    pub name: Text,
    /// How many digits.
    pub digits: Option<Text>,
    /// How long a code lives.
    pub ttl: Option<Text>,
    /// How many codes live at once.
    pub live: Option<Text>,
    /// `resend.cooldown`.
    pub cooldown: Option<Text>,
    /// `lockout`.
    pub lockout: Option<Lockout>,
    /// Names of limits.
    pub limits: Vec<Text>,
    /// How the code travels.
    pub channel: Option<Text>,
    /// What the mail says.
    pub template: Option<Text>,
    /// What the mail about a lock says.
    pub lock_notice: Option<Text>,
}

/// `lockout`.
#[derive(Debug)]
pub struct Lockout {
    /// Failures until a lock.
    pub after: Option<Text>,
    /// `for`: how long the first lock lasts.
    pub lock_for: Option<Text>,
    /// What the next one is multiplied by.
    pub escalate: Option<Text>,
    /// The longest lock.
    pub at_most: Option<Text>,
    /// Failures until the purpose is disabled.
    pub disable_after: Option<Text>,
}

impl Purpose {
    pub(super) fn read(name: Text, node: Node, out: &mut Collector<'_>) -> Self {
        const KNOWN: &[&str] = &["code", "lockout", "limits", "channel", "template", "lock_notice", "resend"];
        let at = name.at;
        let mut purpose = Self::unread(name);
        let Some(mut fields) = Fields::open(node, "a purpose", KNOWN, out) else { return purpose };
        fields.at = at;
        if let Some(node) = fields.need("code", "{ digits: 6, ttl: 5m }", out)
            && let Some(mut code) = Fields::open(node, "`code`", &["digits", "ttl", "live"], out)
        {
            purpose.digits = code.need_text("digits", "6", out);
            purpose.ttl = code.need_text("ttl", "5m", out);
            purpose.live = code.text("live", out);
        }
        if let Some(node) = fields.take("resend")
            && let Some(mut resend) = Fields::open(node, "`resend`", &["cooldown"], out)
        {
            purpose.cooldown = resend.text("cooldown", out);
        }
        let lockout = fields.need("lockout", "{ after: 3, for: 15m }", out);
        purpose.lockout = lockout.and_then(|node| Lockout::read(node, out));
        purpose.limits = fields.texts("limits", out);
        purpose.channel = fields.text("channel", out);
        purpose.template = fields.text("template", out);
        purpose.lock_notice = fields.text("lock_notice", out);
        purpose
    }

    fn unread(name: Text) -> Self {
        Self {
            name,
            digits: None,
            ttl: None,
            live: None,
            cooldown: None,
            lockout: None,
            limits: Vec::new(),
            channel: None,
            template: None,
            lock_notice: None,
        }
    }
}

impl Lockout {
    fn read(node: Node, out: &mut Collector<'_>) -> Option<Self> {
        const KNOWN: &[&str] = &["after", "for", "escalate", "at_most", "disable_after"];
        let mut fields = Fields::open(node, "`lockout`", KNOWN, out)?;
        Some(Self {
            after: fields.need_text("after", "3", out),
            lock_for: fields.need_text("for", "15m", out),
            escalate: fields.text("escalate", out),
            at_most: fields.text("at_most", out),
            disable_after: fields.text("disable_after", out),
        })
    }
}
