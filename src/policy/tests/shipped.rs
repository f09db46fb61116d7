//! The policy that is shipped, changed here and there.

use std::path::Path;

use crate::policy::compile::{Resolver, compile};
use crate::policy::snapshot::PolicySnapshot;
use crate::policy::source::SourceFile;

const POLICY: &str = include_str!("../../../policies/default.yaml");

struct Secrets;

impl Resolver for Secrets {
    fn env(&self, name: &str) -> Option<String> {
        Some(format!("{name}: a secret of more than thirty-two bytes"))
    }

    fn file(&self, _: &Path) -> Result<Vec<u8>, String> {
        Err("no such file".to_owned())
    }
}

/// The policy with these texts replaced, wherever they stand.
pub fn shipped(changes: &[(&str, &str)]) -> PolicySnapshot {
    let mut text = POLICY.to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let files = [SourceFile { path: "policy.yaml".to_owned(), text }];
    compile(&files, &Secrets).unwrap_or_else(|problems| panic!("{problems}")).snapshot
}
