//! `routes`.

use super::fields::{Fields, named, text, texts};
use super::tree::{Kind, Node, Text};
use crate::policy::diagnostic::{At, Code, Collector};

/// One route.
#[derive(Debug)]
pub struct Route {
    /// Its place.
    pub at: At,
    /// Its name.
    pub name: Option<Text>,
    /// `match.methods`.
    pub methods: Vec<Text>,
    /// `match.path`.
    pub paths: Vec<Text>,
    /// `match.other_methods`.
    pub other_methods: Option<Text>,
    /// `match.router`.
    pub router: Option<Text>,
    /// Names of limits.
    pub limits: Vec<Text>,
    /// Whether `limits` is written at all, readable or not.
    pub limited: bool,
    /// What it does: with the place of the key. Several are an error that `compile` reports.
    pub actions: Vec<(At, Action)>,
}

/// What a route does.
#[derive(Debug)]
pub enum Action {
    /// `issue`.
    Issue {
        /// The purpose's name.
        purpose: Option<Text>,
        /// Where the answer has the reference.
        reference: Option<Text>,
        /// Where the code goes.
        recipient: Option<Recipient>,
        /// Name → selector.
        bind: Vec<(Text, Text)>,
    },
    /// `verify`.
    Verify {
        /// Where the request has the code.
        code: Option<Text>,
        /// Where the request has the reference.
        reference: Option<Text>,
        /// Statuses after which the code may be tried again.
        retryable: Vec<Text>,
        /// Names of the purposes whose codes are taken; all of them when it is not written.
        purposes: Option<Vec<Text>>,
    },
    /// `send`.
    Send {
        /// Where the request names the purpose.
        purpose: Option<Text>,
        /// Where the code goes.
        recipient: Option<Recipient>,
    },
    /// `status`.
    Status {
        /// Where the request names the purpose.
        purpose: Option<Text>,
    },
    /// Something that could not be read and was reported.
    Unread,
}

/// `recipient`.
#[derive(Debug)]
pub enum Recipient {
    /// A selector alone.
    Selector(Text),
    /// `{ from, must_equal }`.
    Named {
        /// Its place.
        at: At,
        /// Where the request names the address.
        from: Option<Text>,
        /// The claim it must equal.
        must_equal: Option<Text>,
    },
}

const ACTIONS: [&str; 4] = ["issue", "verify", "send", "status"];

impl Route {
    pub(super) fn read(node: Node, out: &mut Collector<'_>) -> Option<Self> {
        const KNOWN: &[&str] = &["name", "match", "limits", "issue", "verify", "send", "status"];
        let mut fields = Fields::open(node, "a route", KNOWN, out)?;
        let at = fields.at;
        let name = fields.need_text("name", "fund", out);
        let mut route = Self {
            at: name.as_ref().map_or(at, |name| name.at),
            name,
            methods: Vec::new(),
            paths: Vec::new(),
            other_methods: None,
            router: None,
            limited: fields.has("limits"),
            limits: fields.texts("limits", out),
            actions: Vec::new(),
        };
        if let Some(node) = fields.need("match", "{ methods: [POST], path: /api/wallet/fund }", out) {
            route.read_match(node, out);
        }
        for action in ACTIONS {
            if let Some(node) = fields.take(action) {
                route.actions.push((node.at, Action::read(action, node, out)));
            }
        }
        Some(route)
    }

    fn read_match(&mut self, node: Node, out: &mut Collector<'_>) {
        const KNOWN: &[&str] = &["methods", "path", "other_methods", "router"];
        let Some(mut fields) = Fields::open(node, "`match`", KNOWN, out) else { return };
        self.methods = fields.need_texts("methods", "[POST]", out);
        self.other_methods = fields.text("other_methods", out);
        self.router = fields.text("router", out);
        self.paths = match fields.need("path", "/api/wallet/fund", out) {
            Some(Node { at, kind: Kind::List(list), .. }) if list.is_empty() => {
                out.report(Code::Empty, at, "`path` is empty").advise("write `path: /api/wallet/fund`");
                Vec::new()
            }
            Some(node) if matches!(node.kind, Kind::List(_)) => texts(node, "path", out),
            Some(node) => text(node, "`path`", out).into_iter().collect(),
            None => Vec::new(),
        };
    }
}

impl Action {
    fn read(action: &str, node: Node, out: &mut Collector<'_>) -> Self {
        let read = match action {
            "issue" => Self::issue(node, out),
            "verify" => Self::verify(node, out),
            "send" => Self::send(node, out),
            _ => Self::status(node, out),
        };
        read.unwrap_or(Self::Unread)
    }

    fn issue(node: Node, out: &mut Collector<'_>) -> Option<Self> {
        const KNOWN: &[&str] = &["purpose", "reference", "recipient", "bind"];
        let mut fields = Fields::open(node, "`issue`", KNOWN, out)?;
        let recipient = fields.need("recipient", "claims.email", out);
        let bind = fields.take("bind").map(|node| named(node, "`bind`", out)).unwrap_or_default();
        Some(Self::Issue {
            purpose: fields.need_text("purpose", "wallet_funding", out),
            reference: fields.need_text("reference", "response.body.transactionReference", out),
            recipient: recipient.and_then(|node| Recipient::read(node, out)),
            bind: bind
                .into_iter()
                .filter_map(|(name, node)| Some((name, text(node, "a bound field", out)?)))
                .collect(),
        })
    }

    fn verify(node: Node, out: &mut Collector<'_>) -> Option<Self> {
        const KNOWN: &[&str] = &["code", "reference", "retryable", "purposes"];
        let mut fields = Fields::open(node, "`verify`", KNOWN, out)?;
        Some(Self::Verify {
            purposes: fields.some_texts("purposes", "[wallet_funding]", out),
            code: fields.need_text("code", "request.body.otp", out),
            reference: fields.need_text("reference", "request.body.transaction_reference", out),
            retryable: fields.texts("retryable", out),
        })
    }

    fn send(node: Node, out: &mut Collector<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, "`send`", &["purpose", "recipient"], out)?;
        let recipient = fields.need("recipient", "claims.email", out);
        Some(Self::Send {
            purpose: fields.need_text("purpose", "request.body.purpose", out),
            recipient: recipient.and_then(|node| Recipient::read(node, out)),
        })
    }

    fn status(node: Node, out: &mut Collector<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, "`status`", &["purpose"], out)?;
        Some(Self::Status { purpose: fields.need_text("purpose", "request.query.purpose", out) })
    }
}

impl Recipient {
    fn read(node: Node, out: &mut Collector<'_>) -> Option<Self> {
        if let Kind::Scalar(text) = node.kind {
            return Some(Self::Selector(Text { text, at: node.at }));
        }
        let mut fields = Fields::open(node, "`recipient`", &["from", "must_equal"], out)?;
        Some(Self::Named {
            at: fields.at,
            from: fields.need_text("from", "request.body.email", out),
            must_equal: fields.need_text("must_equal", "claims.email", out),
        })
    }
}
