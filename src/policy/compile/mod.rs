//! Files to a snapshot: what every scalar means, whether every name exists, and whether the parts
//! fit together. Everything that is wrong is reported at once.

mod budget;
mod hash;
mod identity;
mod limits;
mod overlap;
mod purposes;
mod routes;
mod templates;

use std::path::Path;
use std::sync::Arc;

use super::diagnostic::{Code, Collector, Diagnostics};
use super::document::tree::Text;
use super::document::{self, Document};
use super::route::{RouteIndex, RouteIndexError, Router};
#[cfg(doc)]
use super::snapshot::KeySource;
use super::snapshot::{PolicySnapshot, Route};
use super::source::SourceFile;
use super::{lint, scalar};
use limits::Limits;
use templates::Templates;

/// What a policy names outside of its files. The real one reads the environment and the disk.
pub trait Resolver {
    /// The value of an environment variable, if it is set and is text.
    fn env(&self, name: &str) -> Option<String>;

    /// The content of a file.
    ///
    /// # Errors
    /// With the reason, when it cannot be read.
    fn file(&self, path: &Path) -> Result<Vec<u8>, String>;

    /// Whether a key that cannot be read is passed over, as [`KeySource::Unread`]. Only for those who look
    /// at a set without checking tokens.
    fn passes_over_keys(&self) -> bool {
        false
    }
}

/// A set that can be used.
#[derive(Debug)]
pub struct Compiled {
    /// The set.
    pub snapshot: PolicySnapshot,
    /// What is legal in it, but unwise.
    pub warnings: Diagnostics,
}

/// Compiles a set of files, in the order in which they are given.
///
/// # Errors
/// With everything that is wrong, in all files.
pub fn compile(files: &[SourceFile], resolver: &dyn Resolver) -> Result<Compiled, Diagnostics> {
    let mut out = Collector::new(files);
    if !files.iter().any(SourceFile::is_policy) {
        out.report_set(Code::NoFiles, "there is no policy file")
            .advise("put at least one file that ends in `.yaml` or `.yml` there");
        return Err(out.finish());
    }
    let document = document::parse(files, &mut out);
    match assemble(&document, files, resolver, &mut out) {
        Some(snapshot) => {
            lint::lint(&document, &snapshot, &mut out);
            Ok(Compiled { snapshot, warnings: out.finish() })
        }
        None => Err(out.finish()),
    }
}

/// The snapshot. `None` when there is an error, which has then been reported.
fn assemble(
    document: &Document,
    files: &[SourceFile],
    resolver: &dyn Resolver,
    out: &mut Collector<'_>,
) -> Option<PolicySnapshot> {
    let limits = Limits::compile(document, out);
    let identity = identity::compile(document, &limits, resolver, out);
    let cors = identity::cors(document.cors.as_ref(), out);
    let audit = identity::audit(document.audit.as_ref(), out);
    let intermediary_headers = distinct(&document.intermediary, out)
        .filter_map(|text| scalar::removable_header(text, out))
        .collect();
    let budget = budget::compile(document.budget.as_ref(), out);
    let mut templates = Templates::find(files);
    let purposes = purposes::compile(document, &limits, &mut templates, out);
    templates.report_unused(out);
    let (routes, routers) = routes::compile(document, &limits, &purposes, out);
    let unprotected = distinct(&document.unprotect, out)
        .filter_map(|text| scalar::path(text, out))
        .map(str::to_owned)
        .collect();
    if out.has_errors() {
        return None;
    }
    let index = index(document, &routes, &routers, out)?;
    Some(PolicySnapshot {
        hash: hash::of(files),
        identity: identity?,
        cors,
        audit,
        intermediary_headers,
        budget,
        purposes,
        limits: limits.rules,
        routes,
        index,
        unprotected,
    })
}

/// The index of all paths. It also knows spellings that only some backends take for the same path.
fn index(
    document: &Document,
    routes: &[Arc<Route>],
    routers: &[Router],
    out: &mut Collector<'_>,
) -> Option<RouteIndex> {
    let mut paths = Vec::new();
    for (index, (route, router)) in routes.iter().zip(routers).enumerate() {
        paths.extend(route.paths.iter().map(|path| (path.as_str(), index, *router)));
    }
    let written: Vec<&Text> = document.routes.iter().flat_map(|route| &route.paths).collect();
    let place = |path: &str| written.iter().rfind(|text| text.text == path).map(|text| text.at);
    match RouteIndex::build(&paths) {
        Ok(index) => return Some(index),
        Err(RouteIndexError::Invalid { pattern, reason }) => {
            let at = place(&pattern).unwrap_or_default();
            out.report(Code::Path, at, format!("`{pattern}` is no path")).advise(reason);
        }
        Err(RouteIndexError::Clash { first, second }) => {
            let at = place(&second).unwrap_or_default();
            out.report(Code::Overlap, at, format!("`{second}` can match the same request as `{first}`"))
                .also(place(&first).unwrap_or_default(), "the other path")
                .advise("write both alike, or change one so that no request matches both");
        }
    }
    None
}

/// The entries of a list without repetitions, which are reported.
fn distinct<'a>(list: &'a [Text], out: &mut Collector<'_>) -> std::vec::IntoIter<&'a Text> {
    if let [only] = list {
        return vec![only].into_iter();
    }
    let mut first = std::collections::BTreeMap::new();
    let mut kept = Vec::with_capacity(list.len());
    for text in list {
        if let Some(earlier) = first.get(text.text.as_str()) {
            out.report(Code::ListedTwice, text.at, format!("`{}` is listed twice", text.text))
                .also(*earlier, "the first one")
                .advise("keep one of them");
        } else {
            first.insert(text.text.as_str(), text.at);
            kept.push(text);
        }
    }
    kept.into_iter()
}
