//! Routes: what they match and what they do.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::limits::{Limits, Place};
use super::purposes::Purposes;
use super::{distinct, overlap};
use crate::domain::id::{Purpose, RouteName};
use crate::policy::diagnostic::{At, Code, Collector};
use crate::policy::document::Document;
use crate::policy::document::routes::{Action as Written, Recipient, Route as WrittenRoute};
use crate::policy::document::tree::Text;
use crate::policy::field::{Field, Source};
use crate::policy::nearest::suggestion;
use crate::policy::route::Router;
use crate::policy::scalar;
use crate::policy::snapshot::{
    Action, IssueRule, OtherMethods, PurposeRules, RecipientRule, Route, SendRule, StatusRule, VerifyRule,
};

const REQUEST: [Source; 2] = [Source::Body, Source::Query];

/// What routes may refer to.
struct Scope<'a> {
    limits: &'a Limits,
    purposes: &'a Purposes,
    declared: BTreeSet<&'a str>,
    claims: Option<BTreeSet<&'a str>>,
    incomplete: bool,
}

pub(super) fn compile(
    document: &Document,
    limits: &Limits,
    purposes: &Purposes,
    out: &mut Collector<'_>,
) -> (Vec<Arc<Route>>, Vec<Router>) {
    if document.routes.is_empty() && !document.incomplete && !out.has_errors() {
        out.report_set(Code::NoRoutes, "the set has no route, so it would protect nothing")
            .advise("write at least one route");
    }
    let jwt = document.identity.as_ref().and_then(|identity| identity.jwt.as_ref());
    let scope = Scope {
        limits,
        purposes,
        declared: document.purposes.iter().map(|purpose| purpose.name.text.as_str()).collect(),
        claims: jwt.map(|jwt| jwt.claims.iter().map(|(name, _)| name.text.as_str()).collect()),
        incomplete: document.incomplete,
    };
    let mut first: HashMap<&str, At> = HashMap::new();
    let (mut routes, mut routers) = (Vec::new(), Vec::new());
    for written in &document.routes {
        if let Some(name) = &written.name
            && let Some(earlier) = first.insert(&name.text, name.at)
        {
            out.report(
                Code::DefinedTwice,
                name.at,
                format!("the route `{}` is defined a second time", name.text),
            )
            .also(earlier, "the first one")
            .advise("give one of them another name");
        }
        if let Some((route, router)) = scope.route(written, out) {
            routes.push(Arc::new(route));
            routers.push(router);
        }
    }
    overlap::check(&document.routes, out);
    (routes, routers)
}

impl Scope<'_> {
    fn route(&self, written: &WrittenRoute, out: &mut Collector<'_>) -> Option<(Route, Router)> {
        let name = written.name.as_ref().and_then(|text| scalar::name(text, RouteName::parse, out));
        let methods: Vec<_> =
            distinct(&written.methods, out).filter_map(|text| scalar::method(text, out)).collect();
        let paths: Vec<String> = distinct(&written.paths, out)
            .filter_map(|text| scalar::path(text, out))
            .map(str::to_owned)
            .collect();
        let others = [("refuse", OtherMethods::Refuse), ("forward", OtherMethods::Forward)];
        let other_methods = match &written.other_methods {
            Some(text) => scalar::word(text, &others, out),
            None => Some(OtherMethods::Refuse),
        };
        let routers = [("express", Router::Express), ("strict", Router::Strict)];
        let router = match &written.router {
            Some(text) => scalar::word(text, &routers, out),
            None => Some(Router::Express),
        };
        let place = match written.actions.first() {
            None | Some((_, Written::Verify { .. })) => Place::RouteWithoutPurpose,
            Some(_) => Place::Route,
        };
        let limits = self.limits.resolve(&written.limits, place, out);
        let action = self.action(written, out)?;
        let selected = selected(&action);
        let route =
            Route { name: name?, methods, paths, other_methods: other_methods?, limits, action, selected };
        Some((route, router?))
    }

    fn action(&self, route: &WrittenRoute, out: &mut Collector<'_>) -> Option<Action> {
        if let [_, (at, _), ..] = route.actions.as_slice() {
            out.report(Code::Action, *at, "a route does one thing, and this one has two")
                .advise("keep one of `issue`, `verify`, `send` and `status`");
        }
        let Some((_, action)) = route.actions.first() else {
            if route.limits.is_empty() && route.limited {
                return None;
            }
            if route.limits.is_empty() {
                out.report(Code::Action, route.at, "the route does nothing")
                    .advise("add `issue`, `verify`, `send` or `status`, or `limits: […]` to only limit it");
                return None;
            }
            return Some(Action::Limit);
        };
        match action {
            Written::Issue { purpose, reference, recipient, bind } => {
                self.issue(purpose, reference, recipient, bind, out).map(Action::Issue)
            }
            Written::Verify { code, reference, retryable, purposes } => {
                self.verify(code, reference, retryable, purposes.as_deref(), out).map(Action::Verify)
            }
            Written::Send { purpose, recipient } => {
                let purpose = named_purpose(purpose.as_ref(), out);
                let recipient = self.recipient(recipient.as_ref(), out);
                Some(Action::Send(SendRule { purpose: purpose?, recipient: recipient? }))
            }
            Written::Status { purpose } => {
                Some(Action::Status(StatusRule { purpose: named_purpose(purpose.as_ref(), out)? }))
            }
            Written::Unread => None,
        }
    }

    fn issue(
        &self,
        purpose: &Option<Text>,
        reference: &Option<Text>,
        recipient: &Option<Recipient>,
        bind: &[(Text, Text)],
        out: &mut Collector<'_>,
    ) -> Option<IssueRule> {
        let purpose = purpose.as_ref().and_then(|name| self.purpose(name, out));
        let reference = field(reference.as_ref(), &[Source::Answer], out);
        let recipient = self.recipient(recipient.as_ref(), out);
        let mut fields = Vec::with_capacity(bind.len());
        for (name, text) in bind {
            if name.text.is_empty() || !name.text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                out.report(Code::Name, name.at, format!("`{}` is not a name", name.text))
                    .advise("use letters, digits and '_'");
            }
            if let Some(field) = scalar::selector(text, &REQUEST, out) {
                fields.push((name.text.clone(), field));
            }
        }
        Some(IssueRule { purpose: purpose?, reference: reference?, recipient: recipient?, bind: fields })
    }

    fn verify(
        &self,
        code: &Option<Text>,
        reference: &Option<Text>,
        retryable: &[Text],
        purposes: Option<&[Text]>,
        out: &mut Collector<'_>,
    ) -> Option<VerifyRule> {
        let code = field(code.as_ref(), &[Source::Body], out);
        let reference = field(reference.as_ref(), &REQUEST, out);
        let retryable = distinct(retryable, out)
            .filter_map(|text| scalar::number(text, 400..=599, out))
            .filter_map(|status| u16::try_from(status).ok())
            .collect();
        let purposes: Vec<Arc<PurposeRules>> = match purposes {
            Some(names) => distinct(names, out).filter_map(|name| self.purpose(name, out)).collect(),
            None => self.purposes.values().cloned().collect(),
        };
        let lockouts = purposes.iter().map(|rules| (rules.name.clone(), rules.lockout.clone())).collect();
        Some(VerifyRule { code: code?, reference: reference?, retryable, purposes, lockouts })
    }

    fn purpose(&self, name: &Text, out: &mut Collector<'_>) -> Option<Arc<PurposeRules>> {
        if !self.declared.contains(name.text.as_str()) {
            if !self.incomplete {
                out.report(Code::UnknownPurpose, name.at, format!("there is no purpose `{}`", name.text))
                    .advise(suggestion(&name.text, self.declared.iter().copied()));
            }
            return None;
        }
        self.purposes.get(&Purpose::parse(&name.text).ok()?).cloned()
    }

    fn recipient(&self, written: Option<&Recipient>, out: &mut Collector<'_>) -> Option<RecipientRule> {
        match written? {
            Recipient::Selector(text) => {
                let claim = self.claim(text, out)?;
                Some(RecipientRule { claim, named_by: None })
            }
            Recipient::Named { from, must_equal, .. } => {
                let named_by = field(from.as_ref(), &REQUEST, out);
                let claim = must_equal.as_ref().and_then(|text| self.claim(text, out));
                Some(RecipientRule { claim: claim?, named_by: Some(named_by?) })
            }
        }
    }

    /// The claim that a code goes to. Nothing else may say where.
    fn claim(&self, text: &Text, out: &mut Collector<'_>) -> Option<Field> {
        let field = match Field::parse(&text.text) {
            Ok(field) if field.source == Source::Claims => field,
            _ => {
                let message = format!(
                    "codes cannot go to `{}`: whoever stole a token could have them sent anywhere",
                    text.text
                );
                out.report(Code::Recipient, text.at, message).advise(
                    "write a claim such as `claims.email`; a field that the request must repeat is \
                     `{ from: request.body.email, must_equal: claims.email }`",
                );
                return None;
            }
        };
        let name = field.path.first()?;
        if let Some(claims) = &self.claims
            && !claims.contains(name.as_str())
        {
            out.report(Code::UnknownClaim, text.at, format!("`identity.jwt.claims` does not name `{name}`"))
                .advise(format!("{}, or add `{name}` there", suggestion(name, claims.iter().copied())));
        }
        Some(field)
    }
}

/// `purpose` of `send` and `status`: the request names it.
fn named_purpose(text: Option<&Text>, out: &mut Collector<'_>) -> Option<Field> {
    field(text, &REQUEST, out)
}

fn field(text: Option<&Text>, allowed: &[Source], out: &mut Collector<'_>) -> Option<Field> {
    scalar::selector(text?, allowed, out)
}

/// Every request field that the action reads, once.
fn selected(action: &Action) -> Vec<Field> {
    let mut fields: Vec<&Field> = Vec::new();
    match action {
        Action::Issue(rule) => {
            fields.extend(rule.recipient.named_by.iter());
            fields.extend(rule.bind.iter().map(|(_, field)| field));
        }
        Action::Verify(rule) => fields.extend([&rule.code, &rule.reference]),
        Action::Send(rule) => {
            fields.push(&rule.purpose);
            fields.extend(rule.recipient.named_by.iter());
        }
        Action::Status(rule) => fields.push(&rule.purpose),
        Action::Limit => {}
    }
    let mut once: Vec<Field> = Vec::with_capacity(fields.len());
    for field in fields {
        if !once.contains(field) {
            once.push(field.clone());
        }
    }
    once
}
