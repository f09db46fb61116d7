//! The parts of a Kubernetes object that runs pods.

use anyhow::Context as _;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// The keys of a container's probes.
pub(super) const PROBES: [&str; 3] = ["startupProbe", "livenessProbe", "readinessProbe"];

/// Where the pod's specification lies, for the kinds that are injected.
fn pod_path(object: &Value) -> Option<&'static str> {
    match object.get("kind")?.as_str()? {
        "Deployment" | "StatefulSet" | "DaemonSet" => Some("/spec/template"),
        "Pod" => Some(""),
        _ => None,
    }
}

/// Kinds that run pods and are not injected, so that nobody thinks they were.
pub(super) fn is_left_alone(object: &Value) -> bool {
    matches!(kind(object), "ReplicaSet" | "ReplicationController" | "Job" | "CronJob" | "Rollout")
}

/// The pod of an object that runs one: its metadata and specification lie in it.
pub(super) fn pod(object: &Value) -> Option<&Value> {
    object.pointer(pod_path(object)?).filter(|pod| pod.get("spec").is_some_and(Value::is_object))
}

/// The same to be changed.
pub(super) fn pod_mut(object: &mut Value) -> Option<&mut Value> {
    let path = pod_path(object)?;
    object.pointer_mut(path)
}

/// `Deployment`, …
pub(super) fn kind(object: &Value) -> &str {
    object.get("kind").and_then(Value::as_str).unwrap_or_default()
}

/// `metadata.name`.
pub(super) fn name(object: &Value) -> &str {
    object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("(without a name)")
}

/// `metadata.namespace`; empty when it is left to whoever applies it.
pub(super) fn namespace(object: &Value) -> &str {
    object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default()
}

/// `Deployment/wallet`, as people write it.
pub(super) fn title(object: &Value) -> String {
    format!("{}/{}", kind(object), name(object))
}

/// A list in an object; none where there is none.
pub(super) fn list<'v>(object: &'v Value, key: &str) -> &'v [Value] {
    object.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The entry of a list with this name.
pub(super) fn named<'v>(entries: &'v [Value], name: &str) -> Option<&'v Value> {
    entries.iter().find(|entry| entry.get("name").and_then(Value::as_str) == Some(name))
}

/// The same to be changed.
pub(super) fn named_mut<'v>(object: &'v mut Value, key: &str, name: &str) -> Option<&'v mut Value> {
    let entries = object.get_mut(key)?.as_array_mut()?;
    entries.iter_mut().find(|entry| entry.get("name").and_then(Value::as_str) == Some(name))
}

/// Puts an entry at the end of a list, or in the place of the one with the same name.
pub(super) fn put_named(object: &mut Value, key: &str, entry: Value) {
    let Some(object) = object.as_object_mut() else { return };
    let list = object.entry(key).or_insert_with(|| json!([]));
    if !list.is_array() {
        *list = json!([]);
    }
    let Some(entries) = list.as_array_mut() else { return };
    match entries.iter_mut().find(|other| other.get("name") == entry.get("name")) {
        Some(other) => *other = entry,
        None => entries.push(entry),
    }
}

/// Takes the entry with this name out of a list, and the list with its last one.
pub(super) fn remove_named(object: &mut Value, key: &str, name: &str) {
    let Some(object) = object.as_object_mut() else { return };
    if let Some(entries) = object.get_mut(key).and_then(Value::as_array_mut) {
        entries.retain(|entry| entry.get("name").and_then(Value::as_str) != Some(name));
        if entries.is_empty() {
            object.shift_remove(key);
        }
    }
}

/// Sets a field two levels down, such as an annotation.
pub(super) fn put(object: &mut Value, key: &str, inner: &str, value: Value) {
    let Some(object) = object.as_object_mut() else { return };
    let map = object.entry(key).or_insert_with(|| json!({}));
    if !map.is_object() {
        *map = json!({});
    }
    if let Some(map) = map.as_object_mut() {
        map.insert(inner.to_owned(), value);
    }
}

/// Takes such a field away, and what holds it with its last one.
pub(super) fn remove(object: &mut Value, key: &str, inner: &str) -> Option<Value> {
    let object = object.as_object_mut()?;
    let map = object.get_mut(key).and_then(Value::as_object_mut)?;
    let removed = map.shift_remove(inner);
    if map.is_empty() {
        object.shift_remove(key);
    }
    removed
}

/// `metadata` of an object, made where there is none.
pub(super) fn metadata(object: &mut Value) -> Option<&mut Value> {
    let object = object.as_object_mut()?;
    Some(object.entry("metadata").or_insert_with(|| Value::Object(Map::new())))
}

/// Takes an annotation away that an earlier run has written, and reads it. None where there is none.
///
/// # Errors
/// When somebody has changed it.
pub(super) fn take_annotation<T: DeserializeOwned>(
    object: &mut Value,
    key: &str,
) -> anyhow::Result<Option<T>> {
    let Some(text) = metadata(object).and_then(|metadata| remove(metadata, "annotations", key)) else {
        return Ok(None);
    };
    let read = serde_json::from_str(text.as_str().unwrap_or_default());
    read.map(Some).with_context(|| {
        format!("{}: the annotation {key} is not as `inject` wrote it: undo the change by hand, and take the annotation away", title(object))
    })
}

/// The probes of a container, with their keys.
pub(super) fn probes(container: &Value) -> impl Iterator<Item = (&'static str, &Value)> {
    PROBES.into_iter().filter_map(|key| Some((key, container.get(key)?)))
}

/// The ports of a container: name and number.
pub(super) fn ports(container: &Value) -> impl Iterator<Item = (Option<&str>, u64)> {
    list(container, "ports").iter().filter_map(|port| {
        let number = port.get("containerPort")?.as_u64()?;
        Some((port.get("name").and_then(Value::as_str), number))
    })
}
