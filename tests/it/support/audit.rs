//! The audit file of a sidecar, with what was rotated, read as a reader of the documentation would.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::read::GzDecoder;
use serde_json::Value;

use super::sidecar::PATIENCE;
use super::smtp::python;
use super::wait::until;

/// An audit file.
#[derive(Clone)]
pub struct AuditFile(pub PathBuf);

impl AuditFile {
    pub fn in_folder(folder: &Path) -> Self {
        Self(folder.join("audit.jsonl"))
    }

    /// The rotated files, oldest first, by the name that they have or had before they were compressed.
    pub fn rotated(&self) -> Vec<PathBuf> {
        let own = format!("{}.", self.0.file_name().unwrap().to_str().unwrap());
        let folder = std::fs::read_dir(self.0.parent().unwrap()).unwrap();
        let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut plain: Vec<String> = names
            .filter(|name| name.starts_with(&own) && !name.ends_with(".tmp"))
            .map(|name| name.trim_end_matches(".gz").to_owned())
            .collect();
        plain.sort();
        plain.dedup();
        plain.into_iter().map(|name| self.0.with_file_name(name)).collect()
    }

    /// Everything that was written, oldest first.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for rotated in self.rotated() {
            let compressed = PathBuf::from(format!("{}.gz", rotated.display()));
            // It may be compressed while one looks: the compressed one is whole once it is there.
            match std::fs::read_to_string(&rotated) {
                Ok(plain) if !compressed.exists() => text.push_str(&plain),
                _ => {
                    let file = std::fs::File::open(&compressed).unwrap();
                    GzDecoder::new(file).read_to_string(&mut text).unwrap();
                }
            }
        }
        text.push_str(&std::fs::read_to_string(&self.0).unwrap_or_default());
        text
    }

    /// Every whole line.
    pub fn lines(&self) -> Vec<Value> {
        self.text().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The lines of one event.
    pub fn events(&self, event: &str) -> Vec<Value> {
        self.lines().into_iter().filter(|line| line["event"] == event).collect()
    }

    /// The line of a decision with this id, once it is there.
    pub async fn decision(&self, id: &str) -> Value {
        self.awaited("decision", |line| line["decision_id"] == id).await
    }

    /// The first line of an event that one waits for.
    pub async fn awaited(&self, event: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let found = || self.events(event).into_iter().find(|line| wanted(line));
        until(&format!("the {event} is in the audit log"), PATIENCE, async || found().is_some()).await;
        found().unwrap()
    }
}

/// Checks lines against `docs/audit.schema.json`.
pub fn assert_fits_the_schema(text: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut checker = Command::new(python())
        .arg(root.join("tests/audit/check.py"))
        .arg(root.join("docs/audit.schema.json"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = checker.stdin.take().unwrap();
    let text = text.to_owned();
    let writer = std::thread::spawn(move || input.write_all(text.as_bytes()).unwrap());
    let said = checker.wait_with_output().unwrap();
    writer.join().unwrap();
    let (out, errors) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(said.status.success(), "{out}{errors}");
}
