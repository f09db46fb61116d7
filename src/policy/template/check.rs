//! The rules that a template and what it renders must keep.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::{Error, Value};

use super::{
    LONGEST_SUBJECT, LONGEST_TEMPLATE, MARK, Marked, Part, RenderError, Template, TemplateError, Variables,
};

/// The body starts on the third line of the text file.
const LINES_BEFORE_BODY: u32 = 2;

/// A rule that a rendered mail breaks.
pub(super) struct Broken {
    part: Part,
    pub(super) message: &'static str,
}

/// Takes the text file apart. The body keeps its place, so that lines are counted as in the file.
pub(super) fn split(text: &str) -> Result<(&str, String), TemplateError> {
    let refuse =
        |line, message: &str| TemplateError { part: Part::Subject, line, message: message.to_owned() };
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let subject = first
        .strip_prefix("Subject:")
        .map(str::trim)
        .filter(|subject| !subject.is_empty())
        .ok_or_else(|| refuse(1, "the first line must be `Subject: …`"))?;
    let (second, body) = rest.split_once('\n').unwrap_or((rest, ""));
    if !second.trim().is_empty() {
        return Err(refuse(2, "the line after `Subject: …` must be empty"));
    }
    if body.trim().is_empty() {
        return Err(refuse(3, "the text after `Subject: …` and an empty line is missing"));
    }
    Ok((subject, body.replace("\r\n", "\n")))
}

/// Checks what a template is written with.
pub(super) fn source(part: Part, source: &str) -> Result<(), TemplateError> {
    if source.len() > LONGEST_TEMPLATE {
        return Err(TemplateError { part, line: 1, message: "is longer than 64 KiB".to_owned() });
    }
    let is_plain = |line: &str| !line.chars().any(|c| c.is_control() && c != '\t' && c != '\r');
    match source.lines().position(|line| !is_plain(line)) {
        Some(index) => Err(TemplateError {
            part,
            line: in_file(part, u32::try_from(index + 1).unwrap_or(u32::MAX)),
            message: "contains a control character".to_owned(),
        }),
        None => Ok(()),
    }
}

/// Tries a template out with everything bound that it asks for, and with nothing bound.
pub(super) fn code_template(template: &Template) -> Result<(), TemplateError> {
    let known = ["code", "purpose", "action", "requested_at", "expires_in", "amount", "bound"];
    let bound = bound_names(template, &known)?;
    let everything = Value::from_pairs(bound.into_iter().map(|name| (name, "5,000")));
    let bare = BTreeMap::from([
        ("code", Value::from(MARK.to_string())),
        ("purpose", Value::from("wallet_funding")),
        ("action", Value::from("fund your wallet")),
        ("requested_at", Value::from("17 January 2026, 10:00 UTC")),
        ("expires_in", Value::from("5 minutes")),
        ("bound", Value::from_pairs(Vec::<(String, String)>::new())),
    ]);
    let mut full = bare.clone();
    full.extend([("amount", Value::from("5,000")), ("bound", everything)]);
    try_out(template, &full, code_mail)?;
    try_out(template, &bare, code_mail)
}

/// Tries a template out with a lock that ends and with one that does not.
pub(super) fn lock_template(template: &Template) -> Result<(), TemplateError> {
    bound_names(template, &["purpose", "action", "locked_at", "locked_until", "disabled"])?;
    let disabled = BTreeMap::from([
        ("purpose", Value::from("wallet_funding")),
        ("action", Value::from("fund your wallet")),
        ("locked_at", Value::from("17 January 2026, 10:00 UTC")),
        ("disabled", Value::from(true)),
    ]);
    let mut passing = disabled.clone();
    passing.extend([
        ("disabled", Value::from(false)),
        ("locked_until", Value::from("17 January 2026, 10:15 UTC")),
    ]);
    try_out(template, &passing, lock_mail)?;
    try_out(template, &disabled, lock_mail)
}

/// Checks a mail that carries a code.
pub(super) fn code_mail(mail: &Marked) -> Result<(), Broken> {
    any_mail(mail)?;
    let broken = |part, message| Err(Broken { part, message });
    if mail.subject.contains(MARK) {
        return broken(Part::Subject, "the subject line must not carry the code: it shows on locked screens");
    }
    let is_mark = |line: &str| line.strip_suffix('\r').unwrap_or(line) == MARK.encode_utf8(&mut [0; 4]);
    if mail.text.matches(MARK).count() != 1 || !mail.text.split('\n').any(is_mark) {
        return broken(Part::Text, "`{{ code }}` must stand exactly once, alone on a line of its own");
    }
    match mail.html.as_deref().map(|html| html.split(MARK).collect::<Vec<_>>()).as_deref() {
        None => Ok(()),
        Some([before, after]) if before.ends_with('>') && after.starts_with("</") => Ok(()),
        Some(_) => broken(Part::Html, "`{{ code }}` must be exactly once the whole content of one element"),
    }
}

/// Checks a mail that tells of a lock.
pub(super) fn lock_mail(mail: &Marked) -> Result<(), Broken> {
    any_mail(mail)
}

fn any_mail(mail: &Marked) -> Result<(), Broken> {
    let broken = |part, message| Err(Broken { part, message });
    if mail.subject.chars().any(|c| c.is_control() && c != MARK) {
        return broken(Part::Subject, "the subject must be one line");
    }
    if mail.subject.chars().count() > LONGEST_SUBJECT {
        return broken(Part::Subject, "the subject is longer than 120 characters");
    }
    if mail.text.len() > LONGEST_TEMPLATE {
        return broken(Part::Text, "the text is longer than 64 KiB");
    }
    if mail.html.as_ref().is_some_and(|html| html.len() > LONGEST_TEMPLATE) {
        return broken(Part::Html, "the HTML is longer than 64 KiB");
    }
    Ok(())
}

fn try_out(
    template: &Template,
    variables: &Variables,
    rules: fn(&Marked) -> Result<(), Broken>,
) -> Result<(), TemplateError> {
    let parts = [Part::Subject, Part::Text].into_iter().chain(template.0.has_html.then_some(Part::Html));
    for part in parts {
        let rendered =
            template.0.engine.get_template(part.as_str()).and_then(|template| template.render(variables));
        if let Err(error) = rendered {
            return Err(describe(part, &error));
        }
    }
    let mail = template.render(variables).map_err(|error| match error {
        RenderError::Engine { part, line, message, .. } => TemplateError { part, line, message },
        RenderError::Rule { message, .. } => {
            TemplateError { part: Part::Text, line: 1, message: message.to_owned() }
        }
    })?;
    rules(&mail).map_err(|rule| TemplateError {
        part: rule.part,
        line: code_line(template, rule.part),
        message: rule.message.to_owned(),
    })
}

/// The names used as `bound.<name>`. All other variables must be known.
fn bound_names(template: &Template, known: &[&'static str]) -> Result<BTreeSet<String>, TemplateError> {
    let mut bound = BTreeSet::new();
    for part in [Part::Subject, Part::Text, Part::Html] {
        let Ok(compiled) = template.0.engine.get_template(part.as_str()) else { continue };
        for variable in compiled.undeclared_variables(true).into_iter().collect::<BTreeSet<_>>() {
            let name = variable.split('.').next().unwrap_or_default();
            if !known.contains(&name) && !template.0.engine.globals().any(|(global, _)| global == name) {
                return Err(TemplateError {
                    part,
                    line: line_with(compiled.source(), part, name),
                    message: format!("there is no variable `{name}`: write one of {}", known.join(", ")),
                });
            }
            bound.extend(variable.strip_prefix("bound.").map(str::to_owned));
        }
    }
    Ok(bound)
}

/// Turns an error of the engine into one with a place in the file.
pub(super) fn describe(part: Part, error: &Error) -> TemplateError {
    let hint = match error.kind() {
        minijinja::ErrorKind::UndefinedError => {
            " (a value that may be missing, such as `amount`: ask with `{% if … %}` first)"
        }
        _ => "",
    };
    let message = error.detail().map_or_else(
        || format!("{}{hint}", error.kind()),
        |detail| format!("{}: {detail}{hint}", error.kind()),
    );
    TemplateError { part, line: line(part, error), message }
}

/// The line of the part's file in which the engine failed; the part's first if it does not say.
pub(super) fn line(part: Part, error: &Error) -> u32 {
    in_file(part, error.line().and_then(|line| u32::try_from(line).ok()).unwrap_or(1))
}

fn in_file(part: Part, line: u32) -> u32 {
    match part {
        Part::Text => line.saturating_add(LINES_BEFORE_BODY),
        Part::Subject | Part::Html => line,
    }
}

fn code_line(template: &Template, part: Part) -> u32 {
    template
        .0
        .engine
        .get_template(part.as_str())
        .map_or(1, |compiled| line_with(compiled.source(), part, "code"))
}

/// The line that names a variable, or the first line.
fn line_with(source: &str, part: Part, name: &str) -> u32 {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let names = |line: &str| line.contains('{') && line.split(|c| !is_word(c)).any(|word| word == name);
    let index = source.lines().position(names).unwrap_or_default();
    in_file(part, u32::try_from(index + 1).unwrap_or(u32::MAX))
}
