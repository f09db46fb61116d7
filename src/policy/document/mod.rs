//! A mirror of the policy files, section by section: shape only, every scalar as it was written.
//!
//! This part knows which fields there are and which of them are required. What a scalar means, and
//! whether a name exists, is decided in `compile`.

pub mod budget;
pub mod fields;
pub mod identity;
pub mod limits;
pub mod purposes;
pub mod routes;
pub mod tree;

use budget::Budget;
use fields::{Fields, items, named};
use identity::{Audit, Cors, Identity};
use limits::Limit;
use purposes::Purpose;
use routes::Route;
use tree::{Node, Text};

use super::diagnostic::{At, Code, Collector};
use super::source::SourceFile;

/// Everything that the files of a set say, merged.
#[derive(Debug, Default)]
pub struct Document {
    /// Who is calling.
    pub identity: Option<Identity>,
    /// Cross-origin reads of the sidecar's own answers.
    pub cors: Option<Cors>,
    /// What audit lines show.
    pub audit: Option<Audit>,
    /// `headers.intermediary`.
    pub intermediary: Vec<Text>,
    /// How likely a guessed code may be.
    pub budget: Option<Budget>,
    /// Rate limits, in the order of the files.
    pub limits: Vec<Limit>,
    /// Purposes, in the order of the files.
    pub purposes: Vec<Purpose>,
    /// Routes, in the order of the files.
    pub routes: Vec<Route>,
    /// Paths that are no longer protected, on purpose.
    pub unprotect: Vec<Text>,
    /// Whether some file could not be read as YAML, so that names may be missing through no fault
    /// of the others.
    pub incomplete: bool,
    headers: Option<At>,
}

/// Reads and merges all policies of a set.
pub fn parse(files: &[SourceFile], out: &mut Collector<'_>) -> Document {
    let mut document = Document::default();
    for (index, file) in files.iter().enumerate().filter(|(_, file)| file.is_policy()) {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        match tree::read(index, &file.text, out) {
            Some(root) => document.add(root, out),
            None => document.incomplete = true,
        }
    }
    document
}

impl Document {
    fn add(&mut self, root: Node, out: &mut Collector<'_>) {
        const KNOWN: &[&str] = &[
            "version",
            "identity",
            "cors",
            "audit",
            "headers",
            "budget",
            "limits",
            "purposes",
            "routes",
            "unprotect",
        ];
        let Some(mut fields) = Fields::open(root, "a policy", KNOWN, out) else {
            self.incomplete = true;
            return;
        };
        self.version(&mut fields, out);
        if let Some(node) = fields.take("identity") {
            let next = Identity::read(node, out);
            once(&mut self.identity, next, |identity| identity.at, "identity", out);
        }
        if let Some(node) = fields.take("cors") {
            let next = Cors::read(node, out);
            once(&mut self.cors, next, |cors| cors.at, "cors", out);
        }
        if let Some(node) = fields.take("audit") {
            let next = Audit::read(node, out);
            once(&mut self.audit, next, |audit| audit.at, "audit", out);
        }
        self.headers(&mut fields, out);
        if let Some(node) = fields.take("budget") {
            let next = Budget::read(node, out);
            once(&mut self.budget, next, |budget| budget.at, "budget", out);
        }
        for (name, node) in fields.take("limits").map(|n| named(n, "`limits`", out)).unwrap_or_default() {
            self.limits.push(Limit::read(name, node, out));
        }
        for (name, node) in fields.take("purposes").map(|n| named(n, "`purposes`", out)).unwrap_or_default() {
            self.purposes.push(Purpose::read(name, node, out));
        }
        for node in fields.take("routes").map(|n| items(n, "`routes`", out)).unwrap_or_default() {
            self.routes.extend(Route::read(node, out));
        }
        self.unprotect.extend(fields.texts("unprotect", out));
    }

    fn version(&mut self, fields: &mut Fields, out: &mut Collector<'_>) {
        let at = fields.at;
        match fields.text("version", out) {
            Some(version) if version.text == "1" => {}
            Some(version) => {
                let message = format!("this program does not know version `{}`", version.text);
                out.report(Code::Version, version.at, message).advise("write `version: 1`");
            }
            None => {
                out.report(Code::Version, at, "the file does not say its version")
                    .advise("begin it with `version: 1`");
            }
        }
    }

    fn headers(&mut self, fields: &mut Fields, out: &mut Collector<'_>) {
        let Some(node) = fields.take("headers") else { return };
        let at = node.at;
        let Some(mut headers) = Fields::open(node, "`headers`", &["intermediary"], out) else { return };
        once(&mut self.headers, Some(at), |at| *at, "headers", out);
        self.intermediary.extend(headers.texts("intermediary", out));
    }
}

/// Keeps the first of a section that a set may have only once.
fn once<T>(
    kept: &mut Option<T>,
    next: Option<T>,
    place: impl Fn(&T) -> At,
    name: &str,
    out: &mut Collector<'_>,
) {
    match (kept.as_ref(), next) {
        (Some(first), Some(next)) => {
            out.report(Code::DefinedTwice, place(&next), format!("`{name}` is defined a second time"))
                .also(place(first), "the first one")
                .advise("keep it in one file of the set");
        }
        (None, next) => *kept = next,
        (Some(_), None) => {}
    }
}
