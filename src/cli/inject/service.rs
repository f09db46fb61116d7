//! Services that lead to the wallet, and how they come to lead to the sidecar.

use serde_json::{Map, Value, json};

use super::workload::{kind, list, metadata, name, namespace, ports, put, take_annotation, title};

/// Where it is kept which port a Service led to before.
const RECORD: &str = "otp-sidecar.dev/target-ports";

/// One Service, and its ports that lead to the wallet.
#[derive(Debug)]
pub(super) struct Route {
    title: String,
    namespace: String,
    ports: Vec<u64>,
}

impl Route {
    /// Whether this is the Service.
    pub(super) fn is_of(&self, object: &Value) -> bool {
        title(object) == self.title && namespace(object) == self.namespace
    }

    /// `Service/wallet`.
    pub(super) fn title(&self) -> &str {
        &self.title
    }
}

/// The Services of the namespace that select the pod.
pub(super) fn leading_to<'o>(objects: &[&'o Value], pod: &Value, of: &str) -> Vec<&'o Value> {
    let labels = pod.pointer("/metadata/labels");
    let selects = |service: &Value| {
        let selector = service.pointer("/spec/selector").and_then(Value::as_object);
        selector.is_some_and(|selector| {
            !selector.is_empty()
                && selector
                    .iter()
                    .all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
        })
    };
    // What says no namespace gets the one that it is applied to, which may be the other's.
    let is_near = |object: &Value| [of, ""].contains(&namespace(object)) || of.is_empty();
    let is_leading = |object: &&&Value| kind(object) == "Service" && is_near(object) && selects(object);
    objects.iter().filter(is_leading).copied().collect()
}

/// The container's ports that a Service leads to.
pub(super) fn targets(service: &Value, container: &Value) -> Vec<u64> {
    list(&service["spec"], "ports").iter().filter_map(|port| target(port, container)).collect()
}

/// The number that a Service's port leads to: `targetPort`, or else `port`. None for what is not TCP.
fn target(port: &Value, container: &Value) -> Option<u64> {
    if !matches!(port.get("protocol").and_then(Value::as_str), None | Some("TCP")) {
        return None;
    }
    resolve(port.get("targetPort").or_else(|| port.get("port"))?, container)
}

/// A port by its number, or by the name that the container gives it.
pub(super) fn resolve(port: &Value, container: &Value) -> Option<u64> {
    match port {
        Value::String(named) => {
            ports(container).find(|(name, _)| *name == Some(named.as_str())).map(|(_, number)| number)
        }
        number => number.as_u64(),
    }
}

/// The routes to this port, and what speaks against changing them.
pub(super) fn routes(services: &[&Value], container: &Value, backend: u16) -> (Vec<Route>, Vec<String>) {
    let (mut routes, mut problems) = (Vec::new(), Vec::new());
    for service in services {
        let all = list(&service["spec"], "ports");
        let leading = all.iter().filter(|port| target(port, container) == Some(u64::from(backend)));
        let ports: Vec<u64> = leading.filter_map(|port| port.get("port")?.as_u64()).collect();
        if ports.is_empty() {
            continue;
        }
        if service.pointer("/spec/clusterIP").and_then(Value::as_str) == Some("None") {
            problems.push(format!(
                "Service {} is headless: its clients ask the pods' port {backend} themselves, past any sidecar. Give it a cluster address, or its clients the sidecar's port, and take it out of the input",
                name(service)
            ));
            continue;
        }
        routes.push(Route { title: title(service), namespace: namespace(service).to_owned(), ports });
    }
    (routes, problems)
}

/// Leads the route's ports to the sidecar, and keeps where they led.
pub(super) fn lead(service: &mut Value, route: &Route, listen: u16) {
    let mut before = Map::new();
    let all = service.pointer_mut("/spec/ports").and_then(Value::as_array_mut);
    for port in all.into_iter().flatten().filter_map(Value::as_object_mut) {
        let number = port.get("port").and_then(Value::as_u64).filter(|number| route.ports.contains(number));
        if let Some(number) = number {
            // By number: names of a native sidecar's ports are not known to every version.
            let target = port.insert("targetPort".to_owned(), json!(listen));
            before.insert(number.to_string(), target.unwrap_or(Value::Null));
        }
    }
    if let Some(metadata) = metadata(service) {
        put(metadata, "annotations", RECORD, Value::Object(before).to_string().into());
    }
}

/// Leads it back. `false` when it was never led anywhere else.
pub(super) fn lead_back(service: &mut Value) -> anyhow::Result<bool> {
    if kind(service) != "Service" {
        return Ok(false);
    }
    let Some(before) = take_annotation::<Map<String, Value>>(service, RECORD)? else { return Ok(false) };
    let all = service.pointer_mut("/spec/ports").and_then(Value::as_array_mut);
    for port in all.into_iter().flatten().filter_map(Value::as_object_mut) {
        let number = port.get("port").and_then(Value::as_u64).map(|number| number.to_string());
        match number.and_then(|number| before.get(&number)) {
            Some(Value::Null) => drop(port.shift_remove("targetPort")),
            Some(target) => drop(port.insert("targetPort".to_owned(), target.clone())),
            None => {}
        }
    }
    Ok(true)
}
