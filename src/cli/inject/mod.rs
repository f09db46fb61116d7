//! `otp-sidecar inject`: manifests with a sidecar in front of the wallet, or without it again.

mod diff;
mod documents;
mod plan;
mod record;
mod service;
mod settings;
mod sidecar;
mod workload;

use std::io::{self, Read as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use serde_json::Value;

use self::documents::Document;
use super::ending::Ending;
pub(super) use settings::InjectFlags;

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar inject wallet.yaml | kubectl apply -f -
  kubectl get deploy,svc wallet -o yaml | otp-sidecar inject --backend-env HOST=127.0.0.1 - | kubectl apply -f -
  otp-sidecar inject --diff wallet.yaml
  otp-sidecar inject --uninject injected.yaml > wallet.yaml

The ConfigMap with the policies and the Secret must be there: see docs/deploy.md.";

/// Reads, changes, writes. Nothing is written when anything is wrong.
///
/// # Errors
/// With everything that speaks against it.
pub(super) fn run(flags: &InjectFlags) -> anyhow::Result<Ending> {
    let before = read(flags)?;
    let (after, notes) = rewrite(&before, flags)?;
    if flags.diff {
        let difference = diff::unified(&before, &after);
        io::stdout().write_all(difference.as_bytes())?;
        tell(&notes)?;
        return Ok(Ending::of(!difference.is_empty()));
    }
    io::stdout().write_all(after.as_bytes())?;
    tell(&notes)?;
    Ok(Ending::Fine)
}

fn tell(notes: &[String]) -> io::Result<()> {
    notes.iter().try_for_each(|note| writeln!(io::stderr(), "{}", super::output::visible(note)))
}

fn read(flags: &InjectFlags) -> anyhow::Result<String> {
    let mut texts = Vec::new();
    let standard_input = [Path::new("-").to_owned()];
    let files = if flags.files.is_empty() { &standard_input[..] } else { &flags.files[..] };
    for file in files {
        let mut text = String::new();
        if file.as_os_str() == "-" {
            io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
        } else {
            text =
                std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        }
        texts.push(text);
    }
    Ok(joined(&texts))
}

/// Several files as one text, with a separator where one is missing.
fn joined(texts: &[String]) -> String {
    let mut all = String::new();
    for text in texts {
        if !all.is_empty() {
            if !all.ends_with('\n') {
                all.push('\n');
            }
            if !text.starts_with("---") {
                all.push_str("---\n");
            }
        }
        all.push_str(text);
    }
    all
}

/// The text after the change, and what to tell about it.
fn rewrite(text: &str, flags: &InjectFlags) -> anyhow::Result<(String, Vec<String>)> {
    let mut documents = documents::read(text)?;
    let was_injected = undo(&mut documents)?;
    if flags.uninject {
        anyhow::ensure!(!was_injected.is_empty(), "nothing in the input was injected");
        let notes = was_injected.iter().map(|title| format!("{title}: the sidecar is taken out")).collect();
        return Ok((documents::write(&documents)?, notes));
    }
    let objects: Vec<&Value> = documents.iter().flat_map(Document::objects).collect();
    let plan = plan::plan(&objects, flags).map_err(|problems| anyhow::anyhow!(problems.join("\nerror: ")))?;
    let left_alone = objects.iter().filter(|object| workload::is_left_alone(object));
    let mut notes: Vec<String> = left_alone
        .map(|object| format!("{}: pods of this kind are not injected", workload::title(object)))
        .collect();
    for document in &mut documents {
        document.change(|object| apply(object, &plan, flags))?;
    }
    let led = plan.routes.iter().map(service::Route::title).collect::<Vec<_>>().join(", ");
    let led = if led.is_empty() { String::new() } else { format!("; {led} leads to it") };
    notes.push(format!("{}: sidecar in front of port {} of {}{led}", plan.title, plan.port, plan.container));
    notes.extend(plan.notes.iter().map(|note| format!("{}: {note}", plan.title)));
    Ok((documents::write(&documents)?, notes))
}

fn apply(object: &mut Value, plan: &plan::Plan, flags: &InjectFlags) -> anyhow::Result<bool> {
    if let Some(route) = plan.routes.iter().find(|route| route.is_of(object)) {
        service::lead(object, route, flags.settings.listen_port);
        return Ok(true);
    }
    let is_planned = workload::title(object) == plan.title && workload::namespace(object) == plan.namespace;
    if is_planned && workload::pod(object).is_some() {
        record::inject(object, plan, flags)?;
        return Ok(true);
    }
    Ok(false)
}

/// Takes out what an earlier run has put in, so that a second run makes the same as the first. Gives the
/// objects that were changed.
fn undo(documents: &mut [Document]) -> anyhow::Result<Vec<String>> {
    let mut titles = Vec::new();
    for document in documents {
        document.change(|object| {
            let undone = record::uninject(object)? || service::lead_back(object)?;
            if undone {
                titles.push(workload::title(object));
            }
            Ok(undone)
        })?;
    }
    Ok(titles)
}

#[cfg(test)]
mod tests;
