//! A real Prometheus and a real Alertmanager on free loopback ports, stopped on drop.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use super::client::Client;
use super::sidecar::{Folder, PATIENCE};
use super::wait::until;

/// A program of the Prometheus project: the one that `make test` unpacks, or the system's.
pub fn program(name: &str) -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/.venv/bin").join(name);
    if own.exists() { own } else { name.into() }
}

/// What a Prometheus is told to do.
pub struct Scraping {
    every: Duration,
    targets: Vec<Value>,
    rules: Vec<PathBuf>,
    alertmanager: Option<SocketAddr>,
}

impl Scraping {
    /// Scrapes and evaluates that often.
    pub fn every(every: Duration) -> Self {
        Self { every, targets: Vec::new(), rules: Vec::new(), alertmanager: None }
    }

    /// Scrapes this address as that job and instance of that namespace.
    pub fn target(mut self, namespace: &str, job: &str, instance: &str, addr: SocketAddr) -> Self {
        self.targets.push(json!({
            "targets": [addr.to_string()],
            "labels": { "namespace": namespace, "job": job, "instance": instance },
        }));
        self
    }

    /// Evaluates the rules of this file; a `*` in its name stands for anything.
    pub fn rules(mut self, file: impl Into<PathBuf>) -> Self {
        self.rules.push(file.into());
        self
    }

    /// Sends its alerts there.
    pub fn alerting(mut self, alertmanager: SocketAddr) -> Self {
        self.alertmanager = Some(alertmanager);
        self
    }

    /// Starts it, and waits until it has scraped every target once.
    pub async fn start(self) -> Prometheus {
        let folder = Folder::new();
        let config = self.config();
        folder.write("prometheus.yml", &config.to_string());
        let mut command = Command::new(program("prometheus"));
        command
            .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            // Alerts are sent again soon: the first try may come before the Alertmanager was found.
            .args(["--web.listen-address=127.0.0.1:0", "--rules.alert.resend-delay=1s"]);
        let server = Server::start(command, folder);
        let prometheus =
            Prometheus { client: Client::new(format!("http://{}", server.addr)), _server: server };
        until("it is ready", PATIENCE, async || prometheus.client.get("/-/ready").await.status == 200).await;
        let wanted = self.targets.len();
        until("every target is scraped", PATIENCE, async || prometheus.query("up").await.len() == wanted)
            .await;
        prometheus
    }

    fn config(&self) -> Value {
        let every = format!("{}ms", self.every.as_millis());
        let alertmanagers: Vec<Value> = self
            .alertmanager
            .iter()
            .map(|addr| json!({ "static_configs": [{ "targets": [addr.to_string()] }] }))
            .collect();
        json!({
            "global": { "scrape_interval": every, "evaluation_interval": every },
            "rule_files": self.rules,
            "scrape_configs": [{ "job_name": "targets", "static_configs": self.targets }],
            "alerting": { "alertmanagers": alertmanagers },
        })
    }
}

/// A running Prometheus.
pub struct Prometheus {
    _server: Server,
    client: Client,
}

/// One series at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

/// One series over a range: times as seconds since the epoch, and values.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    pub labels: BTreeMap<String, String>,
    pub points: Vec<(f64, f64)>,
}

impl Prometheus {
    /// The instant value of an expression now. A scalar is one sample without labels.
    pub async fn query(&self, expression: &str) -> Vec<Sample> {
        let data = self.api("query", &[("query", expression)]).await;
        if data["resultType"] == "scalar" {
            return vec![Sample { labels: BTreeMap::new(), value: point(&data["result"]).1 }];
        }
        let samples = data["result"].as_array().unwrap().iter();
        samples.map(|one| Sample { labels: labels(&one["metric"]), value: point(&one["value"]).1 }).collect()
    }

    /// The only sample of an expression, if there is just one.
    pub async fn value(&self, expression: &str) -> Option<f64> {
        match self.query(expression).await.as_slice() {
            [only] => Some(only.value),
            _ => None,
        }
    }

    /// An expression over a range, both ends in seconds since the epoch.
    pub async fn query_range(&self, expression: &str, start: f64, end: f64, step: Duration) -> Vec<Series> {
        let (start, end, step) = (start.to_string(), end.to_string(), step.as_secs_f64().to_string());
        let asked = [("query", expression), ("start", &start), ("end", &end), ("step", &step)];
        let data = self.api("query_range", &asked).await;
        let series = data["result"].as_array().unwrap().iter();
        let points = |one: &Value| one["values"].as_array().unwrap().iter().map(point).collect();
        series.map(|one| Series { labels: labels(&one["metric"]), points: points(one) }).collect()
    }

    /// Every rule that is loaded, as the API tells it.
    pub async fn loaded_rules(&self) -> Vec<Value> {
        let groups = self.api("rules", &[]).await["groups"].as_array().unwrap().clone();
        groups.iter().flat_map(|group| group["rules"].as_array().unwrap().clone()).collect()
    }

    async fn api(&self, call: &str, asked: &[(&str, &str)]) -> Value {
        let query = Serializer::new(String::new()).extend_pairs(asked).finish();
        let answer = self.client.get(&format!("/api/v1/{call}?{query}")).await;
        assert_eq!(answer.status, 200, "{asked:?}: {}", answer.text());
        answer.json()["data"].take()
    }
}

/// A running Alertmanager.
pub struct Alertmanager {
    server: Server,
}

impl Alertmanager {
    /// Starts one with this configuration.
    pub fn start(config: &str) -> Self {
        let folder = Folder::new();
        folder.write("alertmanager.yml", config);
        let mut command = Command::new(program("prometheus-alertmanager"));
        command
            .arg(format!("--config.file={}", folder.path().join("alertmanager.yml").display()))
            .arg(format!("--storage.path={}", folder.path().join("data").display()))
            .args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="]);
        Self { server: Server::start(command, folder) }
    }

    pub fn addr(&self) -> SocketAddr {
        self.server.addr
    }

    /// The alerts that it has now, as the API tells them: with their state and what silences them.
    pub async fn alerts(&self) -> Vec<Value> {
        let client = Client::new(format!("http://{}", self.server.addr));
        client.get("/api/v2/alerts").await.json().as_array().unwrap().clone()
    }
}

/// A process with a folder of its own, which has said where it listens.
struct Server {
    child: Child,
    addr: SocketAddr,
    _folder: Folder,
}

impl Server {
    fn start(mut command: Command, folder: Folder) -> Self {
        let name = command.get_program().display().to_string();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("{name}: {error}; `make test` installs it"));
        let (lines, told) = mpsc::channel();
        let pipe = BufReader::new(child.stderr.take().unwrap());
        // Read to the end, or the process would stop at a full pipe.
        std::thread::spawn(move || {
            for line in pipe.lines().map_while(Result::ok) {
                let _nobody_waits_any_more = lines.send(line);
            }
        });
        let mut said = Vec::new();
        while let Ok(line) = told.recv_timeout(PATIENCE) {
            if line.contains("msg=\"Listening on\"") {
                let addr = line.split("address=").nth(1).and_then(|rest| rest.split(' ').next());
                return Self { child, addr: addr.unwrap().parse().unwrap(), _folder: folder };
            }
            said.push(line);
        }
        let _ended_already = child.kill();
        let _ = child.wait();
        panic!("{name} did not start: {said:#?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _ = self.child.wait();
    }
}

fn labels(metric: &Value) -> BTreeMap<String, String> {
    let pairs = metric.as_object().unwrap().iter();
    pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

/// A time and a value, which the API writes as a text because it may be `NaN` or `+Inf`.
fn point(pair: &Value) -> (f64, f64) {
    (pair[0].as_f64().unwrap(), pair[1].as_str().unwrap().parse().unwrap())
}
