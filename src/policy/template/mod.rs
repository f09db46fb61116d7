//! What a mail says.
//!
//! A template is text with `{{ … }}`, compiled and tried out when a policy is loaded, so that one that
//! cannot be rendered never gets into a snapshot. The engine never sees a code: it renders a mark
//! in its place, and the code is put there afterwards, into memory that is wiped. So no filter can
//! change a code, no error can carry one, and the rules on where it may stand are checked on what is
//! really sent.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use zeroize::Zeroizing;

use crate::domain::binding::Binding;
use crate::domain::code::Code;
use crate::domain::id::Purpose;
use crate::domain::lockout::Lock;
use crate::domain::time::Timestamp;

mod check;
pub mod wording;

/// The mark that stands for the code while a template is rendered: SUBSTITUTE, a control character
/// that neither a template nor a value may contain.
const MARK: char = '\u{1a}';

/// How many instructions a template may run.
const FUEL: u64 = 20_000;

/// How deep a template may nest macros and includes.
const DEPTH: usize = 16;

/// The most bytes a template may have, and the most it may render to.
const LONGEST_TEMPLATE: usize = 64 * 1024;

/// The most characters of a subject line.
const LONGEST_SUBJECT: usize = 120;

/// A compiled template. Cheap to clone.
#[derive(Clone)]
pub struct Template(Arc<Compiled>);

struct Compiled {
    name: String,
    engine: Environment<'static>,
    has_html: bool,
}

/// A part of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The first line of the text file.
    Subject,
    /// The plain-text part.
    Text,
    /// The HTML part.
    Html,
}

impl Part {
    /// The name under which the engine knows it.
    fn as_str(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Text => "text",
            Self::Html => "html",
        }
    }
}

/// Why a template is refused when a policy is loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// Which file it is about: [`Part::Html`] is the HTML file, the others are the text file.
    pub part: Part,
    /// The line in that file, from 1.
    pub line: u32,
    /// What is wrong, and what to write instead.
    pub message: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} part, line {}: {}", self.part.as_str(), self.line, self.message)
    }
}

impl std::error::Error for TemplateError {}

/// Why a template that was compiled could not be rendered with these facts. Never carries a code or
/// a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The engine gave up.
    #[error("the {} part of the template `{template}` fails in line {line}: {message}", part.as_str())]
    Engine {
        /// The template's name.
        template: String,
        /// The part.
        part: Part,
        /// The line in the part's file, from 1.
        line: u32,
        /// The kind of failure.
        message: String,
    },
    /// The result breaks a rule on what a mail may look like.
    #[error("the template `{template}` renders a mail that may not be sent: {message}")]
    Rule {
        /// The template's name.
        template: String,
        /// The rule.
        message: &'static str,
    },
}

/// A message, ready for an envelope.
pub struct Rendered {
    /// The subject line, without the code.
    pub subject: String,
    /// The plain-text part.
    pub text: Zeroizing<String>,
    /// The HTML part.
    pub html: Option<Zeroizing<String>>,
}

impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rendered(***)")
    }
}

/// What a mail with a code tells.
#[derive(Debug)]
pub struct CodeFacts<'a> {
    /// What the code is for.
    pub purpose: &'a Purpose,
    /// The code.
    pub code: &'a Code,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// How long it lasts from then on.
    pub ttl: Duration,
    /// What it is tied to.
    pub binding: &'a Binding,
}

/// What a mail about a lock tells.
#[derive(Debug)]
pub struct LockFacts<'a> {
    /// What is locked.
    pub purpose: &'a Purpose,
    /// How long.
    pub lock: Lock,
    /// Since when.
    pub at: Timestamp,
}

/// The variables of one rendering.
type Variables = BTreeMap<&'static str, Value>;

static BUILTIN_CODE: LazyLock<Template> = LazyLock::new(|| {
    Template::compile(
        "default",
        include_str!("../templates/code.txt"),
        Some(include_str!("../templates/code.html")),
    )
    .expect("the built-in text compiles, as a test shows")
});

static BUILTIN_LOCK_NOTICE: LazyLock<Template> = LazyLock::new(|| {
    Template::compile_lock_notice(
        "lock_notice",
        include_str!("../templates/lock_notice.txt"),
        Some(include_str!("../templates/lock_notice.html")),
    )
    .expect("the built-in text compiles, as a test shows")
});

impl Template {
    /// Compiles a mail that carries a code, and tries it out with and without bound fields.
    ///
    /// The first line of `text` is `Subject: …`, the second is empty. Variables: `code`, `purpose`,
    /// `action`, `requested_at`, `expires_in`, `bound.<name>`, and `amount`, which like `bound.<name>` is
    /// undefined when the code is not tied to one.
    ///
    /// # Errors
    /// When the form is not kept, a variable is unknown, rendering fails, or the code does not stand
    /// alone on one line of the text and as the whole content of one element of the HTML.
    pub fn compile(name: &str, text: &str, html: Option<&str>) -> Result<Self, TemplateError> {
        let template = Self::parse(name, text, html)?;
        check::code_template(&template)?;
        Ok(template)
    }

    /// Compiles a mail that tells of a lock. Variables: `purpose`, `action`, `locked_at`, `disabled`, and
    /// `locked_until`, which is undefined when the lock has no end (`disabled`).
    ///
    /// # Errors
    /// As for [`Template::compile`], except that there is no code.
    pub fn compile_lock_notice(name: &str, text: &str, html: Option<&str>) -> Result<Self, TemplateError> {
        let template = Self::parse(name, text, html)?;
        check::lock_template(&template)?;
        Ok(template)
    }

    /// The mail that carries a code when the policy names no other.
    pub fn builtin_code() -> Self {
        BUILTIN_CODE.clone()
    }

    /// The mail that tells of a lock when the policy names no other.
    pub fn builtin_lock_notice() -> Self {
        BUILTIN_LOCK_NOTICE.clone()
    }

    /// The built-in mail with a code of that name. They share one text, in which `action` differs.
    pub fn builtin(name: &str) -> Option<Self> {
        matches!(name, "default" | "wallet_funding" | "wallet_deduction").then(Self::builtin_code)
    }

    /// Its name in the policy.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Renders the mail that carries a code.
    ///
    /// # Errors
    /// When the template does something with these facts that it did not do with the samples at load.
    pub fn render_code(&self, facts: &CodeFacts<'_>) -> Result<Rendered, RenderError> {
        let marked = self.render(&code_variables(facts))?;
        check::code_mail(&marked).map_err(|rule| self.broken(rule.message))?;
        Ok(Rendered {
            subject: marked.subject,
            text: insert(&marked.text, facts.code),
            html: marked.html.map(|html| insert(&html, facts.code)),
        })
    }

    /// Renders the mail that tells of a lock.
    ///
    /// # Errors
    /// As for [`Template::render_code`].
    pub fn render_lock(&self, facts: &LockFacts<'_>) -> Result<Rendered, RenderError> {
        let plain = self.render(&lock_variables(facts))?;
        check::lock_mail(&plain).map_err(|rule| self.broken(rule.message))?;
        Ok(Rendered {
            subject: plain.subject,
            text: Zeroizing::new(plain.text),
            html: plain.html.map(Zeroizing::new),
        })
    }

    fn parse(name: &str, text: &str, html: Option<&str>) -> Result<Self, TemplateError> {
        let (subject, body) = check::split(text)?;
        let mut engine = engine();
        let sources = [(Part::Subject, Some(subject)), (Part::Text, Some(body.as_str())), (Part::Html, html)];
        for (part, source) in sources {
            let Some(source) = source else { continue };
            check::source(part, source)?;
            engine
                .add_template_owned(part.as_str(), source.to_owned())
                .map_err(|error| check::describe(part, &error))?;
        }
        Ok(Self(Arc::new(Compiled { name: name.to_owned(), engine, has_html: html.is_some() })))
    }

    /// Renders all parts, with the mark in place of the code.
    fn render(&self, variables: &Variables) -> Result<Marked, RenderError> {
        let html = self.0.has_html.then(|| self.render_part(Part::Html, variables)).transpose()?;
        let mut text = self.render_part(Part::Text, variables)?;
        text.push('\n');
        Ok(Marked { subject: self.render_part(Part::Subject, variables)?, text, html })
    }

    fn render_part(&self, part: Part, variables: &Variables) -> Result<String, RenderError> {
        self.0.engine.get_template(part.as_str()).and_then(|template| template.render(variables)).map_err(
            |error| RenderError::Engine {
                template: self.0.name.clone(),
                part,
                line: check::line(part, &error),
                message: error.kind().to_string(),
            },
        )
    }

    fn broken(&self, message: &'static str) -> RenderError {
        RenderError::Rule { template: self.0.name.clone(), message }
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Template({})", self.0.name)
    }
}

/// A rendered message in which [`MARK`] stands for the code.
struct Marked {
    subject: String,
    text: String,
    html: Option<String>,
}

fn engine() -> Environment<'static> {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    engine.set_auto_escape_callback(|part| match part {
        "html" => AutoEscape::Html,
        _ => AutoEscape::None,
    });
    engine.set_fuel(Some(FUEL));
    engine.set_recursion_limit(DEPTH);
    if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
        engine.set_syntax(syntax);
    }
    engine
}

fn code_variables(facts: &CodeFacts<'_>) -> Variables {
    let bound = facts.binding.iter().map(|(name, value)| (name.to_owned(), wording::harmless(value)));
    let mut variables = BTreeMap::from([
        ("code", Value::from(MARK.to_string())),
        ("purpose", Value::from(facts.purpose.as_str())),
        ("action", Value::from(wording::action(facts.purpose))),
        ("requested_at", Value::from(wording::moment(facts.requested_at))),
        ("expires_in", Value::from(wording::length(facts.ttl))),
        ("bound", Value::from_pairs(bound)),
    ]);
    if let Some(amount) = facts.binding.get("amount") {
        variables.insert("amount", Value::from(wording::amount(amount)));
    }
    variables
}

fn lock_variables(facts: &LockFacts<'_>) -> Variables {
    let mut variables = BTreeMap::from([
        ("purpose", Value::from(facts.purpose.as_str())),
        ("action", Value::from(wording::action(facts.purpose))),
        ("locked_at", Value::from(wording::moment(facts.at))),
        ("disabled", Value::from(facts.lock == Lock::Disabled)),
    ]);
    if let Lock::Until(until) = facts.lock {
        variables.insert("locked_until", Value::from(wording::moment(until)));
    }
    variables
}

/// Puts the code where the mark is, into one allocation that is wiped on drop.
fn insert(marked: &str, code: &Code) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(marked.len() + code.expose().len()));
    for (index, piece) in marked.split(MARK).enumerate() {
        if index > 0 {
            text.push_str(code.expose());
        }
        text.push_str(piece);
    }
    text
}

#[cfg(test)]
mod tests;
