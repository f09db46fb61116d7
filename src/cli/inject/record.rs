//! What was changed in a workload, kept in an annotation of it: enough to undo it, and no more.

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::plan::Plan;
use super::settings::InjectFlags;
use super::sidecar;
use super::workload::{
    self, PROBES, list, metadata, named_mut, put, put_named, remove, remove_named, take_annotation,
};

/// Where it is kept.
const RECORD: &str = "otp-sidecar.dev/injected";
/// A label of the pods, for whoever wants to find those with a sidecar.
const LABEL: &str = "otp-sidecar.dev/injected";

const GRACE: &str = "terminationGracePeriodSeconds";
/// What Kubernetes takes where nothing is said.
const DEFAULT_GRACE: u64 = 30;

/// What was changed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Record {
    /// The wallet's container.
    container: String,
    /// Entries of its environment as they were; null where there was none.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    env: Map<String, Value>,
    /// Ports of its probes as they were.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    probes: Map<String, Value>,
    /// The grace period as it was.
    grace: Option<u64>,
    /// Whether the pause before its end is ours.
    pause: bool,
}

/// Adds the sidecar to the workload of the plan.
///
/// # Errors
/// Never in an object that the plan was made of.
pub(super) fn inject(object: &mut Value, plan: &Plan, flags: &InjectFlags) -> anyhow::Result<()> {
    let settings = &flags.settings;
    let pod = workload::pod_mut(object).context("it runs no pod")?;
    if let Some(metadata) = metadata(pod) {
        put(metadata, "labels", LABEL, "true".into());
    }
    let spec = &mut pod["spec"];
    let grace = spec.get(GRACE).and_then(Value::as_u64);
    spec[GRACE] = json!(sidecar::grace(settings, grace.unwrap_or(DEFAULT_GRACE)));
    let key = if settings.is_native { "initContainers" } else { "containers" };
    let container = sidecar::container(settings, plan.port);
    if settings.is_native {
        put_first(spec, key, container);
    } else {
        put_named(spec, key, container);
    }
    for volume in sidecar::volumes(settings) {
        put_named(spec, "volumes", volume);
    }
    let wallet = named_mut(spec, "containers", &plan.container).context("its container is gone")?;
    let mut record = Record {
        container: plan.container.clone(),
        env: Map::new(),
        probes: Map::new(),
        grace,
        pause: false,
    };
    if wallet.pointer("/lifecycle/preStop").is_none() {
        // The sidecar ends after the wallet: nobody may be sent to a wallet that is gone.
        put(wallet, "lifecycle", "preStop", sidecar::pause(sidecar::wallet_pause(settings)));
        record.pause = true;
    }
    for (name, value) in &flags.backend_env {
        let before = workload::named(list(wallet, "env"), name).cloned().unwrap_or(Value::Null);
        record.env.entry(name.clone()).or_insert(before);
        put_named(wallet, "env", json!({ "name": name, "value": value }));
    }
    if !flags.backend_env.is_empty() {
        lead_probes(wallet, plan.port, settings.listen_port, &mut record.probes);
    }
    let kept = serde_json::to_string(&record)?;
    if let Some(metadata) = metadata(object) {
        put(metadata, "annotations", RECORD, kept.into());
    }
    Ok(())
}

/// Before all others, so that init containers which need the network find it.
fn put_first(spec: &mut Value, key: &str, container: Value) {
    put_named(spec, key, container);
    if let Some(entries) = spec.get_mut(key).and_then(Value::as_array_mut) {
        entries.rotate_right(1);
    }
}

fn lead_probes(wallet: &mut Value, backend: u16, listen: u16, before: &mut Map<String, Value>) {
    let names: Vec<String> = workload::ports(wallet)
        .filter(|(_, number)| *number == u64::from(backend))
        .filter_map(|(name, _)| name.map(str::to_owned))
        .collect();
    for key in PROBES {
        let Some(port) = wallet.pointer_mut(&format!("/{key}/httpGet/port")) else { continue };
        let leads_there = match &*port {
            Value::String(name) => names.contains(name),
            number => number.as_u64() == Some(u64::from(backend)),
        };
        if leads_there {
            before.insert(key.to_owned(), std::mem::replace(port, json!(listen)));
        }
    }
}

/// Takes the sidecar out again. `false` when there was none.
///
/// # Errors
/// When the annotation was changed.
pub(super) fn uninject(object: &mut Value) -> anyhow::Result<bool> {
    if workload::pod(object).is_none() {
        return Ok(false);
    }
    let Some(record) = take_annotation::<Record>(object, RECORD)? else { return Ok(false) };
    let Some(pod) = workload::pod_mut(object) else { return Ok(false) };
    if let Some(metadata) = metadata(pod) {
        remove(metadata, "labels", LABEL);
    }
    let spec = &mut pod["spec"];
    for key in ["initContainers", "containers"] {
        remove_named(spec, key, sidecar::CONTAINER);
    }
    for volume in sidecar::VOLUMES {
        remove_named(spec, "volumes", volume);
    }
    if let Some(fields) = spec.as_object_mut() {
        match record.grace {
            Some(grace) => drop(fields.insert(GRACE.to_owned(), json!(grace))),
            None => drop(fields.shift_remove(GRACE)),
        }
    }
    if let Some(wallet) = named_mut(spec, "containers", &record.container) {
        restore(wallet, &record);
    }
    Ok(true)
}

fn restore(wallet: &mut Value, record: &Record) {
    if record.pause {
        remove(wallet, "lifecycle", "preStop");
    }
    for (name, before) in &record.env {
        if before.is_null() {
            remove_named(wallet, "env", name);
        } else {
            put_named(wallet, "env", before.clone());
        }
    }
    for (key, before) in &record.probes {
        if let Some(port) = wallet.pointer_mut(&format!("/{key}/httpGet/port")) {
            *port = before.clone();
        }
    }
}
