//! Calls per second of the Redis store, as a share of what `redis-benchmark` gets for the same script.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use otp_sidecar::domain::lockout::LockoutRule;
use otp_sidecar::store::contract::Challenges;
use otp_sidecar::store::redis::keys::{SubjectKeys, bucket};
use otp_sidecar::store::redis::script::{self, ISSUE, Script, VERIFY};
use otp_sidecar::store::redis::{RedisSettings, RedisStore};

use super::{issue, verify};

const CALLS: usize = 60_000;
const TASKS: usize = 32;
const ROUNDS: usize = 3;

struct Server(Child, u16);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    fn start() -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
        let child = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        let server = Self(child, port);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(server)
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.1)
    }

    /// What `redis-benchmark` gets for one call of this script, with the arguments that the store sends.
    fn ceiling(&self, script: &Script, keys: &[String], arguments: &[String]) -> Option<f64> {
        let output = Command::new("redis-benchmark")
            .args(["-p", &self.1.to_string(), "-c", &TASKS.to_string(), "-n", &CALLS.to_string()])
            .args(["--csv", "EVALSHA", script.sha1(), &keys.len().to_string()])
            .args(keys)
            .args(arguments)
            .output()
            .ok()?;
        let table = String::from_utf8(output.stdout).ok()?;
        table.lines().last()?.split("\",\"").nth(1)?.parse().ok()
    }
}

/// Prints a line for each script.
pub fn measure() {
    let Some(server) = Server::start() else {
        println!("redis: skipped, redis-server is not installed");
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let settings = RedisSettings { deadline: Duration::from_secs(10), ..RedisSettings::new(server.url()) };
    let store = Arc::new(RedisStore::new(&settings).unwrap());
    // Both scripts are loaded, and both sides work on a subject with a challenge.
    runtime.block_on(store.issue(&issue("bench"))).unwrap();
    runtime.block_on(store.verify(&verify("bench", 9))).unwrap();
    for round in 1..=ROUNDS {
        let (keys, arguments) = issue_call();
        let ceiling = server.ceiling(&ISSUE, &keys, &arguments);
        print("issue", round, runtime.block_on(rate(&store, true)), ceiling);
        let (keys, arguments) = verify_call();
        let ceiling = server.ceiling(&VERIFY, &keys, &arguments);
        print("verify", round, runtime.block_on(rate(&store, false)), ceiling);
    }
}

fn print(what: &str, round: usize, ours: f64, ceiling: Option<f64>) {
    match ceiling {
        Some(ceiling) => {
            let share = 100.0 * ours / ceiling;
            println!("redis: {what}, round {round}: {ours:.0}/s of {ceiling:.0}/s, {share:.0} %");
        }
        None => println!("redis: {what}, round {round}: {ours:.0}/s; redis-benchmark gave no figure"),
    }
}

/// Calls per second from 32 tasks, each waiting for its answer before the next call.
async fn rate(store: &Arc<RedisStore>, is_issue: bool) -> f64 {
    let began = Instant::now();
    let left = Arc::new(AtomicUsize::new(CALLS));
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let (store, left) = (store.clone(), left.clone());
            tokio::spawn(async move {
                let (issue, verify) = (issue("bench"), verify("bench", 9));
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
                    if is_issue {
                        store.issue(&issue).await.unwrap();
                    } else {
                        store.verify(&verify).await.unwrap();
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    CALLS as f64 / began.elapsed().as_secs_f64()
}

fn issue_call() -> (Vec<String>, Vec<String>) {
    let command = issue("bench");
    let own = SubjectKeys::of(&command.subject);
    let keys = vec![
        own.challenge(&command.reference),
        own.account(&command.purpose),
        own.shard().pending(&command.purpose),
    ];
    let arguments = vec![
        String::new(),
        own.challenge_prefix(),
        command.reference.as_str().to_owned(),
        command.purpose.as_str().to_owned(),
        command.subject.as_str().to_owned(),
        "*".to_owned(),
        command.binding.encode(),
        script::digest_text(&command.digest),
        command.ttl.as_millis().to_string(),
        command.live.to_string(),
        "0".to_owned(),
    ];
    (keys, arguments)
}

fn verify_call() -> (Vec<String>, Vec<String>) {
    let command = verify("bench", 9);
    let own = SubjectKeys::of(&command.subject);
    let keys = vec![own.challenge(&command.reference), bucket(&command.takes[0])];
    let lockouts: &[(_, LockoutRule)] = &command.lockouts;
    let take = &command.takes[0];
    let arguments = vec![
        String::new(),
        own.account_prefix(),
        own.shard().locked_prefix(),
        command.subject.as_str().to_owned(),
        command.request.as_str().to_owned(),
        script::candidates_text(&command.candidates),
        script::lockouts_text(lockouts),
        take.max.to_string(),
        take.per.as_millis().to_string(),
        "o".to_owned(),
    ];
    (keys, arguments)
}
