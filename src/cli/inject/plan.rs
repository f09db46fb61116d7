//! What is to be done with which objects, or why nothing can be done safely. Changes nothing.

use serde_json::Value;

use super::service::{self, Route};
use super::settings::{InjectFlags, State};
use super::sidecar;
use super::workload::{self, kind, list, name, namespace, ports, title};

/// One workload that gets a sidecar.
#[derive(Debug)]
pub(super) struct Plan {
    /// Of the workload.
    pub(super) title: String,
    pub(super) namespace: String,
    /// The wallet's container.
    pub(super) container: String,
    /// The wallet's port.
    pub(super) port: u16,
    /// The Services that lead to it.
    pub(super) routes: Vec<Route>,
    /// What somebody should know.
    pub(super) notes: Vec<String>,
}

/// Finds the workload and what leads to it. The objects must be without sidecars of an earlier run.
///
/// # Errors
/// With everything that speaks against it.
pub(super) fn plan(objects: &[&Value], flags: &InjectFlags) -> Result<Plan, Vec<String>> {
    let object = choose(objects, flags.workload.as_deref()).map_err(|reason| vec![reason])?;
    let mut problems = Vec::new();
    let mut plan = Plan {
        title: title(object),
        namespace: namespace(object).to_owned(),
        container: String::new(),
        port: 0,
        routes: Vec::new(),
        notes: Vec::new(),
    };
    let Some(pod) = workload::pod(object) else {
        return Err(vec![format!("{} has no pod specification", plan.title)]);
    };
    let spec = &pod["spec"];
    problems.extend(against(object, spec, flags));
    problems.extend(without_volume(object, spec, flags));
    match container_of(spec, flags) {
        Err(reason) => problems.push(reason),
        Ok(container) => {
            plan.container = container["name"].as_str().unwrap_or_default().to_owned();
            let services = service::leading_to(objects, pod, &plan.namespace);
            match port_of(container, &services, flags) {
                Err(reason) => problems.push(reason),
                Ok(port) => {
                    plan.port = port;
                    problems.extend(taken(spec, port, flags));
                    problems.extend(opened_on_nodes(container, port));
                    problems.extend(said_twice(container, flags));
                    let (routes, refusals) = service::routes(&services, container, port);
                    problems.extend(refusals);
                    plan.routes = routes;
                }
            }
            plan.notes = notes(objects, container, &plan, flags);
        }
    }
    if problems.is_empty() {
        Ok(plan)
    } else {
        Err(problems.into_iter().map(|problem| format!("{}: {problem}", title(object))).collect())
    }
}

fn choose<'o>(objects: &[&'o Value], wanted: Option<&str>) -> Result<&'o Value, String> {
    let is_wanted = |object: &&&Value| {
        wanted.is_none_or(|wanted| match wanted.split_once('/') {
            Some((of_kind, named)) => kind(object).eq_ignore_ascii_case(of_kind) && name(object) == named,
            None => name(object) == wanted,
        })
    };
    let running: Vec<&Value> =
        objects.iter().filter(|object| workload::pod(object).is_some()).copied().collect();
    let titles =
        |objects: &[&Value]| objects.iter().map(|object| title(object)).collect::<Vec<_>>().join(", ");
    let found: Vec<&Value> = running.iter().filter(is_wanted).copied().collect();
    match (found.as_slice(), wanted) {
        ([one], _) => Ok(one),
        ([], None) => Err("no Deployment, StatefulSet, DaemonSet or Pod is in the input: give the manifest that runs the wallet".to_owned()),
        ([], Some(wanted)) => Err(format!("--workload {wanted} is not in the input, which has: {}", titles(&running))),
        (several, _) => Err(format!("several objects run pods: name the wallet's by --workload, one of: {}", titles(several))),
    }
}

/// What makes a sidecar unsafe here, whatever the ports.
fn against(object: &Value, spec: &Value, flags: &InjectFlags) -> Vec<String> {
    let mut problems = Vec::new();
    if spec.get("hostNetwork") == Some(&Value::Bool(true)) {
        problems.push("it uses the host's network (hostNetwork: true): its port would stay reachable past the sidecar, and the sidecar's would be taken on every node".to_owned());
    }
    if spec.pointer("/os/name").and_then(Value::as_str) == Some("windows") {
        problems.push("it runs on Windows, and there is no image of the sidecar for it".to_owned());
    }
    for key in ["containers", "initContainers"] {
        if workload::named(list(spec, key), sidecar::CONTAINER).is_some() {
            problems.push(format!(
                "it has a container named {} that `inject` did not add: take it out first",
                sidecar::CONTAINER
            ));
        }
    }
    for volume in sidecar::VOLUMES {
        if workload::named(list(spec, "volumes"), volume).is_some() {
            problems.push(format!("it has a volume named {volume} that `inject` did not add: rename it"));
        }
    }
    let replicas = object.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
    if flags.settings.state == State::Memory && (replicas > 1 || kind(object) == "DaemonSet") {
        problems.push("with --state memory every pod would have locks and limits of its own: use Redis (--state secret), or one replica".to_owned());
    }
    problems
}

/// The container's own files are read-only, so an audit file needs a volume that can be written.
fn without_volume(object: &Value, spec: &Value, flags: &InjectFlags) -> Option<String> {
    let settings = &flags.settings;
    let audit = settings.audit.as_deref()?;
    let Some(volume) = &settings.audit_volume else {
        settings.audit_folder()?;
        return Some(format!(
            "--audit {audit} is on no volume, and the container's own files are read-only: name one of the pod by --audit-volume, or write --audit stdout"
        ));
    };
    if settings.audit_folder().is_none() {
        return Some("--audit stdout needs no --audit-volume: leave one of them out".to_owned());
    }
    let claims = list(object.get("spec").unwrap_or(&Value::Null), "volumeClaimTemplates");
    if claims.iter().any(|claim| name(claim) == volume) {
        return None;
    }
    let Some(found) = workload::named(list(spec, "volumes"), volume) else {
        return Some(format!("it has no volume {volume} for the audit file: add it, such as an emptyDir"));
    };
    let read_only = ["configMap", "secret", "projected", "downwardAPI"];
    let kind = read_only.into_iter().find(|kind| found.get(kind).is_some())?;
    Some(format!("its volume {volume} is a {kind}, which nobody can write to: the audit file needs another"))
}

fn container_of<'v>(spec: &'v Value, flags: &InjectFlags) -> Result<&'v Value, String> {
    let containers = list(spec, "containers");
    let names = || {
        containers.iter().filter_map(|container| container["name"].as_str()).collect::<Vec<_>>().join(", ")
    };
    match (&flags.container, containers) {
        (Some(wanted), _) => workload::named(containers, wanted)
            .ok_or_else(|| format!("it has no container {wanted}; it has: {}", names())),
        (None, [one]) if one["name"].is_string() => Ok(one),
        (None, []) => Err("it has no containers".to_owned()),
        (None, _) => {
            Err(format!("it has several containers: name the wallet's by --container, one of: {}", names()))
        }
    }
}

fn port_of(container: &Value, services: &[&Value], flags: &InjectFlags) -> Result<u16, String> {
    if let Some(port) = flags.port {
        return Ok(port);
    }
    let mut found: Vec<u64> =
        services.iter().flat_map(|service| service::targets(service, container)).collect();
    if found.is_empty() {
        found = ports(container).map(|(_, number)| number).collect();
    }
    found.sort_unstable();
    found.dedup();
    match found.as_slice() {
        [one] => u16::try_from(*one).map_err(|_| format!("{one} is no port")),
        [] => Err("neither a Service nor the container says which port the wallet listens on: give --port"
            .to_owned()),
        several => {
            let several: Vec<String> = several.iter().map(u64::to_string).collect();
            Err(format!(
                "it has several ports: name the one to protect by --port, one of: {}",
                several.join(", ")
            ))
        }
    }
}

/// Ports that the sidecar needs and somebody has.
fn taken(spec: &Value, backend: u16, flags: &InjectFlags) -> Vec<String> {
    let own = [("--listen-port", flags.settings.listen_port), ("--admin-port", flags.settings.admin_port)];
    let mut problems = Vec::new();
    for (flag, port) in own {
        let owner = ["containers", "initContainers"]
            .into_iter()
            .flat_map(|key| list(spec, key))
            .find(|container| ports(container).any(|(_, number)| number == u64::from(port)));
        if let Some(owner) = owner {
            problems.push(format!(
                "port {port} is taken by its container {}: choose another by {flag}",
                owner["name"].as_str().unwrap_or_default()
            ));
        } else if port == backend {
            problems.push(format!("the wallet itself listens on {port}: choose another port by {flag}"));
        }
    }
    if flags.settings.listen_port == flags.settings.admin_port {
        problems.push("--listen-port and --admin-port must differ".to_owned());
    }
    problems
}

/// A variable that is there twice: the last one would win, and keep the wallet open.
fn said_twice(container: &Value, flags: &InjectFlags) -> Option<String> {
    let times = |name: &str| list(container, "env").iter().filter(|entry| entry["name"] == *name).count();
    let (name, _) = flags.backend_env.iter().find(|(name, _)| times(name) > 1)?;
    Some(format!("its container sets {name} more than once, and the last one counts: leave one"))
}

/// A port of the node leads to the wallet, past the sidecar.
fn opened_on_nodes(container: &Value, backend: u16) -> Option<String> {
    let is_open = |port: &&Value| {
        port.get("hostPort").is_some()
            && port.get("containerPort").and_then(Value::as_u64) == Some(u64::from(backend))
    };
    list(container, "ports").iter().find(is_open)?;
    Some(format!(
        "its container opens port {backend} on the node (hostPort), past the sidecar: take the hostPort away"
    ))
}

fn notes(objects: &[&Value], container: &Value, plan: &Plan, flags: &InjectFlags) -> Vec<String> {
    let mut notes = vec![format!(
        "port {} (metrics, health, admin calls) is open to every pod: let a NetworkPolicy admit only Prometheus (docs/cli/inject.md)",
        flags.settings.admin_port
    )];
    let opens = |object: &&&Value| {
        let rules = list(object.get("spec").unwrap_or(&Value::Null), "ingress");
        let mut opened =
            rules.iter().flat_map(|rule| list(rule, "ports")).filter_map(|port| port.get("port"));
        let leads = |port: &Value| service::resolve(port, container) == Some(u64::from(plan.port));
        kind(object) == "NetworkPolicy" && namespace(object) == plan.namespace && opened.any(leads)
    };
    notes.extend(objects.iter().filter(opens).map(|policy| {
        format!(
            "{} opens port {}: let it open {} instead",
            title(policy),
            plan.port,
            flags.settings.listen_port
        )
    }));
    if flags.settings.mail_from.is_none() {
        notes.push("it has no sender of mails, and does not start without: give --mail-from".to_owned());
    }
    if plan.routes.is_empty() {
        notes.push(format!(
            "no Service in the input leads to it: send yours to port {}",
            flags.settings.listen_port
        ));
    }
    if flags.backend_env.is_empty() {
        notes.push(format!(
            "port {} of the wallet stays reachable from other pods: bind the wallet to loopback (--backend-env, if a variable says where it listens), or close the port by a NetworkPolicy",
            plan.port
        ));
    } else {
        notes.extend(workload::probes(container).filter(|(_, probe)| probe.get("tcpSocket").is_some() || probe.get("grpc").is_some()).map(|(key, _)| {
            format!("{key} of {} opens the wallet's port itself, which is bound to loopback now: make it an httpGet, or an exec", plan.container)
        }));
    }
    notes
}
