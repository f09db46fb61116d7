//! Finds the text of a mail: in `templates/`, or built in.

use std::collections::BTreeMap;

use crate::policy::diagnostic::{At, Code, Collector};
use crate::policy::document::tree::Text;
use crate::policy::nearest::suggestion;
use crate::policy::source::SourceFile;
use crate::policy::template::{Part, Template, TemplateError};

/// Templates that need no file.
const BUILT_IN: [&str; 3] = ["default", "wallet_deduction", "wallet_funding"];

/// The templates of a set.
pub(super) struct Templates<'a> {
    found: BTreeMap<&'a str, Found<'a>>,
}

#[derive(Default)]
struct Found<'a> {
    text: Option<(u32, &'a str)>,
    html: Option<(u32, &'a str)>,
    used: bool,
}

impl<'a> Templates<'a> {
    pub(super) fn find(files: &'a [SourceFile]) -> Self {
        let mut found: BTreeMap<&str, Found<'_>> = BTreeMap::new();
        for (index, file) in files.iter().enumerate() {
            let place = Some((u32::try_from(index).unwrap_or(u32::MAX), file.text.as_str()));
            if let Some(name) = file.file_name().strip_suffix(".txt") {
                found.entry(name).or_default().text = place;
            } else if let Some(name) = file.file_name().strip_suffix(".html") {
                found.entry(name).or_default().html = place;
            }
        }
        Self { found }
    }

    /// The template of a mail that carries a code.
    pub(super) fn code(&mut self, name: Option<&Text>, out: &mut Collector<'_>) -> Option<Template> {
        let Some(name) = name else { return Some(Template::builtin_code()) };
        match self.own(name, Template::compile, out) {
            Own::Compiled(template) => Some(template),
            Own::Broken => None,
            Own::Absent => Template::builtin(&name.text).or_else(|| self.unknown(name, &BUILT_IN, out)),
        }
    }

    /// The template of the mail that tells of a lock.
    pub(super) fn lock_notice(&mut self, name: Option<&Text>, out: &mut Collector<'_>) -> Option<Template> {
        let Some(name) = name else { return Some(Template::builtin_lock_notice()) };
        match self.own(name, Template::compile_lock_notice, out) {
            Own::Compiled(template) => Some(template),
            Own::Broken => None,
            Own::Absent => self.unknown(name, &[], out),
        }
    }

    fn own(&mut self, name: &Text, compile: Compile, out: &mut Collector<'_>) -> Own {
        let Some(found) = self.found.get_mut(name.text.as_str()) else { return Own::Absent };
        let Some((file, text)) = found.text else { return Own::Absent };
        found.used = true;
        match compile(&name.text, text, found.html.map(|(_, html)| html)) {
            Ok(template) => Own::Compiled(template),
            Err(error) => {
                let file = match (error.part, found.html) {
                    (Part::Html, Some((html, _))) => html,
                    _ => file,
                };
                let at = At { file, line: error.line.max(1), column: 1, width: 0 };
                out.report(Code::BadTemplate, at, error.message).also(name.at, "used here");
                Own::Broken
            }
        }
    }

    fn unknown(&self, name: &Text, built_in: &[&'static str], out: &mut Collector<'_>) -> Option<Template> {
        let own = self.found.iter().filter(|(_, found)| found.text.is_some()).map(|(name, _)| *name);
        let known: Vec<&str> = built_in.iter().copied().chain(own).collect();
        let mut advice = format!("add `templates/{}.txt`", name.text);
        if !known.is_empty() {
            advice = format!("{}, or {advice}", suggestion(&name.text, known.iter().copied()));
        }
        out.report(Code::UnknownTemplate, name.at, format!("there is no template `{}`", name.text))
            .advise(advice);
        None
    }

    /// Warns of files that no purpose names.
    pub(super) fn report_unused(&self, out: &mut Collector<'_>) {
        for (name, found) in self.found.iter().filter(|(_, found)| !found.used) {
            let Some((file, _)) = found.text.or(found.html) else { continue };
            let at = At { file, line: 1, column: 1, width: 0 };
            out.report(Code::UnusedTemplate, at, format!("no purpose uses the template `{name}`"))
                .advise(format!("write `template: {name}` under a purpose, or remove the file"));
        }
    }
}

type Compile = fn(&str, &str, Option<&str>) -> Result<Template, TemplateError>;

enum Own {
    Compiled(Template),
    Broken,
    Absent,
}
