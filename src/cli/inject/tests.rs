use clap::Parser;

use super::*;

const WALLET: &str = "\
# the wallet
apiVersion: apps/v1
kind: Deployment
metadata:
  name: wallet
spec:
  replicas: 2
  template:
    metadata:
      labels:
        app: wallet
    spec:
      containers:
      - name: api
        image: wallet:1
        ports:
        - name: http
          containerPort: 3000
        - name: metrics
          containerPort: 9100
        readinessProbe:
          httpGet:
            path: /healthz
            port: http
---
apiVersion: v1
kind: Service
metadata:
  name: wallet
spec:
  selector:
    app: wallet
  ports:
  - name: http
    port: 80
    targetPort: http
---
# somebody else's
apiVersion: v1
kind: Service
metadata: {name: other}   # as it is
spec:
  selector: {app: other}
  ports:
  - port: 80
    targetPort: 3000
";

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    flags: InjectFlags,
}

fn flags(line: &str) -> InjectFlags {
    Line::parse_from(std::iter::once("inject").chain(line.split_whitespace())).flags
}

fn inject(text: &str, line: &str) -> String {
    rewrite(text, &flags(line)).unwrap().0
}

fn refusal(text: &str, line: &str) -> String {
    rewrite(text, &flags(line)).unwrap_err().to_string()
}

fn objects(text: &str) -> Vec<Value> {
    documents::read(text).unwrap().iter().flat_map(Document::objects).cloned().collect()
}

#[test]
fn the_service_leads_to_the_sidecar_and_the_sidecar_to_the_wallet() {
    let objects = objects(&inject(WALLET, ""));
    assert_eq!(objects[1]["spec"]["ports"][0]["targetPort"], 7145);
    let sidecar = &objects[0]["spec"]["template"]["spec"]["initContainers"][0];
    assert_eq!((&sidecar["name"], &sidecar["restartPolicy"]), (&"otp-sidecar".into(), &"Always".into()));
    let args = workload::list(sidecar, "args");
    assert!(args.contains(&"--upstream=http://127.0.0.1:3000".into()), "{args:?}");
}

#[test]
fn a_wallet_on_loopback_is_probed_through_the_sidecar() {
    let objects = objects(&inject(WALLET, "--backend-env HOST=127.0.0.1"));
    let wallet = &objects[0]["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(wallet["env"], serde_json::json!([{ "name": "HOST", "value": "127.0.0.1" }]));
    assert_eq!(wallet["readinessProbe"]["httpGet"]["port"], 7145);
}

#[test]
fn what_is_not_concerned_stays_as_it_was_written() {
    let injected = inject(WALLET, "");
    let other = WALLET.split("---\n").last().unwrap();
    assert!(injected.starts_with("# the wallet\n") && injected.ends_with(other), "{injected}");
}

#[test]
fn a_second_run_makes_the_same_and_its_reversal_what_was_there() {
    for line in ["", "--native-sidecar false", "--backend-env HOST=127.0.0.1 --backend-env PORT=3000"] {
        let once = inject(WALLET, line);
        assert_eq!(inject(&once, line), once, "{line}");
        assert_eq!(objects(&inject(&once, "--uninject")), objects(WALLET), "{line}");
    }
}

#[test]
fn the_audit_log_goes_to_standard_output_or_to_a_volume_of_the_pod() {
    let own = WALLET.replace(
        "      containers:",
        "      volumes:\n      - name: logs\n        emptyDir: {}\n      containers:",
    );
    let claimed = WALLET
        .replace("kind: Deployment", "kind: StatefulSet")
        .replace("  template:", "  volumeClaimTemplates:\n  - metadata:\n      name: logs\n  template:");
    let file = "--audit /var/log/otp/audit.jsonl --audit-volume logs";
    for (text, line) in [(&own, file), (&claimed, file), (&own, "--audit stdout")] {
        let once = inject(text, line);
        let sidecar = &objects(&once)[0]["spec"]["template"]["spec"]["initContainers"][0];
        let audit = line.split(' ').nth(1).unwrap();
        assert!(workload::list(sidecar, "args").contains(&format!("--audit={audit}").into()));
        let mount = workload::named(workload::list(sidecar, "volumeMounts"), "logs");
        let folder = mount.map(|mount| mount["mountPath"].as_str().unwrap());
        assert_eq!(folder, (line == file).then_some("/var/log/otp"));
        assert_eq!(inject(&once, line), once);
        assert_eq!(objects(&inject(&once, "--uninject")), objects(text), "{line}");
    }
    for wrong in ["audit.jsonl", "/audit.jsonl", "/var/log/", "/etc/otp-sidecar/audit.jsonl", "stderr"] {
        assert!(Line::try_parse_from(["inject", "--audit", wrong]).is_err(), "{wrong}");
    }
}

#[test]
fn other_flags_at_a_second_run_replace_those_of_the_first() {
    let both =
        inject(&inject(WALLET, "--backend-env HOST=127.0.0.1"), "--listen-port 8080 --native-sidecar false");
    assert_eq!(
        both,
        inject(&inject(&inject(WALLET, ""), "--uninject"), "--listen-port 8080 --native-sidecar false")
    );
}

#[test]
fn an_injected_manifest_can_be_edited_before_the_reversal() {
    let edited = inject(WALLET, "--backend-env HOST=127.0.0.1").replace("wallet:1", "wallet:2");
    assert_eq!(objects(&inject(&edited, "--uninject")), objects(&WALLET.replace("wallet:1", "wallet:2")));
}

#[test]
fn values_of_the_wallets_own_come_back() {
    let own = WALLET.replace(
        "        image: wallet:1\n",
        "        image: wallet:1\n        env:\n        - name: HOST\n          value: 0.0.0.0\n        lifecycle:\n          preStop:\n            exec:\n              command: [sleep, '3']\n",
    ).replace("      containers:", "      terminationGracePeriodSeconds: 90\n      containers:");
    let injected = inject(&own, "--backend-env HOST=127.0.0.1 --pause 7");
    let spec = &objects(&injected)[0]["spec"]["template"]["spec"];
    assert_eq!(spec["terminationGracePeriodSeconds"], 90 + 7 + 38 + 2);
    assert_eq!(spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1], "3");
    assert_eq!(objects(&inject(&injected, "--uninject")), objects(&own));
}

#[test]
fn what_cannot_be_done_safely_is_refused_with_a_reason() {
    let with = |from: &str, to: &str| WALLET.replace(from, to);
    let cases = [
        (with("      containers:", "      hostNetwork: true\n      containers:"), "", "host's network"),
        (
            with("containerPort: 9100", "containerPort: 7145"),
            "",
            "port 7145 is taken by its container api: choose another by --listen-port",
        ),
        (with("    app: wallet\n  ports", "    app: wallet\n  clusterIP: None\n  ports"), "", "headless"),
        (with("name: api", "name: otp-sidecar"), "", "`inject` did not add"),
        (
            with("containerPort: 3000", "containerPort: 3000\n          hostPort: 80"),
            "",
            "on the node (hostPort)",
        ),
        (with("      containers:", "      os: {name: windows}\n      containers:"), "", "Windows"),
        (
            with(
                "        image: wallet:1\n",
                "        image: wallet:1\n        env: [{name: HOST, value: a}, {name: HOST, value: b}]\n",
            ),
            "--backend-env HOST=127.0.0.1",
            "sets HOST more than once",
        ),
        (WALLET.to_owned(), "--state memory", "locks and limits of its own"),
        (WALLET.to_owned(), "--audit /var/log/otp/audit.jsonl", "is on no volume"),
        (WALLET.to_owned(), "--audit stdout --audit-volume logs", "needs no --audit-volume"),
        (WALLET.to_owned(), "--audit /var/log/otp/audit.jsonl --audit-volume logs", "it has no volume logs"),
        (
            with(
                "      containers:",
                "      volumes: [{name: logs, secret: {secretName: a}}]\n      containers:",
            ),
            "--audit /var/log/otp/audit.jsonl --audit-volume logs",
            "is a secret, which nobody can write to",
        ),
        (WALLET.to_owned(), "--container web", "no container web; it has: api"),
        (WALLET.to_owned(), "--workload daemonset/wallet", "which has: Deployment/wallet"),
        (WALLET.to_owned(), "--port 7145", "the wallet itself listens on 7145"),
        (
            with("    targetPort: http\n", "    targetPort: http\n  - port: 9100\n    targetPort: metrics\n"),
            "",
            "several ports",
        ),
        (with("kind: Deployment", "kind: CronJob"), "", "no Deployment, StatefulSet, DaemonSet or Pod"),
        (WALLET.to_owned(), "--uninject", "nothing in the input was injected"),
    ];
    for (text, line, expected) in cases {
        let told = refusal(&text, line);
        assert!(told.contains(expected), "{line}: {told}");
    }
}

#[test]
fn everything_that_speaks_against_it_is_told_at_once() {
    let text = WALLET.replace("      containers:", "      hostNetwork: true\n      containers:");
    let told = refusal(&text, "--state memory --container web");
    assert_eq!(told.matches("Deployment/wallet: ").count(), 3, "{told}");
}

#[test]
fn a_record_that_somebody_has_changed_is_not_guessed_at() {
    let broken = inject(WALLET, "").replace(r#"{\"container\""#, r#"{\"containers\""#);
    assert!(refusal(&broken, "--uninject").contains("is not as `inject` wrote it"));
}

#[test]
fn other_ports_of_the_service_lead_where_they_led() {
    let two = WALLET
        .replace("    targetPort: http\n", "    targetPort: http\n  - port: 9100\n    targetPort: metrics\n");
    let ports = &objects(&inject(&two, "--port 3000"))[1]["spec"]["ports"];
    assert_eq!(
        (&ports[0]["targetPort"], &ports[1]["targetPort"]),
        (&Value::from(7145), &Value::from("metrics"))
    );
}

#[test]
fn a_service_without_a_namespace_may_be_applied_to_that_of_the_workload() {
    let text = WALLET.replacen(
        "  name: wallet\nspec:\n  replicas",
        "  name: wallet\n  namespace: a\nspec:\n  replicas",
        1,
    );
    assert_eq!(objects(&inject(&text, ""))[1]["spec"]["ports"][0]["targetPort"], 7145);
}

#[test]
fn services_of_another_namespace_are_not_touched() {
    let text = WALLET.replacen(
        "  name: wallet\nspec:\n  selector",
        "  name: wallet\n  namespace: b\nspec:\n  selector",
        1,
    );
    let text = text.replacen(
        "  name: wallet\nspec:\n  replicas",
        "  name: wallet\n  namespace: a\nspec:\n  replicas",
        1,
    );
    let injected = inject(&text, "--port 3000");
    assert!(!objects(&injected)[1]["spec"]["ports"][0]["targetPort"].is_number(), "{injected}");
}

#[test]
fn files_become_one_input_without_running_into_each_other() {
    let texts = ["kind: A".to_owned(), "kind: B\n".to_owned(), "---\nkind: C\n".to_owned()];
    assert_eq!(joined(&texts), "kind: A\n---\nkind: B\n---\nkind: C\n");
}
