//! The status for programs.

use serde_json::{Value, json};

use super::gather::Seen;
use crate::cli::finding;
use crate::domain::finding::Finding;

/// The one document.
pub(super) fn document(seen: &Seen, findings: &[Finding]) -> Value {
    let of = |name: &str| seen.health.as_ref().and_then(|health| health.get(name)).cloned();
    let errors = seen.recent.as_ref().map(|recent| {
        let one = |(word, times): &(String, u64)| json!({ "error": word, "times": times });
        json!({
            "since": recent.since.to_iso8601(),
            "total": recent.errors.iter().fold(0_u64, |sum, (_, times)| sum.saturating_add(*times)),
            "errors": recent.errors.iter().map(one).collect::<Value>(),
        })
    });
    json!({
        "asked": seen.place,
        "sidecar": seen.health.as_ref().map(|_| json!({
            "version": of("version"),
            "commit": of("commit"),
            "draining": of("draining"),
            "codeKeyPrints": of("codeKeyPrints"),
        })),
        "policy": of("policy"),
        "email": of("email_service"),
        "outbox": of("outbox"),
        "state": of("state"),
        "people": seen.census.as_ref().and_then(|census| census.get("purposes")),
        "inventory": seen.inventory,
        "recentErrors": errors,
        "unknown": seen.unknown(),
        "findings": finding::document(findings),
    })
}
