//! A redis-server of one's own: on a free loopback port, without persistence, stopped on drop.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to start on a busy machine.
const STARTS_WITHIN: Duration = Duration::from_secs(20);

/// A running server. Dropping it kills it, also when the test fails.
pub struct RedisServer {
    port: u16,
    other_port: u16,
    settings: Vec<String>,
    child: Option<Child>,
}

impl RedisServer {
    /// Starts one.
    pub fn start() -> Self {
        Self::start_with(|_| Vec::new())
    }

    /// Starts one with further settings, which may use another free port.
    pub fn start_with(settings: impl Fn(u16) -> Vec<String>) -> Self {
        for _ in 0..5 {
            let (port, other_port) = (free_port(), free_port());
            let settings = settings(other_port);
            // Somebody else may take a port between asking for it and using it.
            if let Some(child) = run(port, &settings) {
                return Self { port, other_port, settings, child: Some(child) };
            }
        }
        panic!("redis-server does not start; is it installed?");
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// The other port that its settings may use.
    pub fn other_port(&self) -> u16 {
        self.other_port
    }

    /// Kills it as an out-of-memory killer would, and waits until it is gone.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again on the same port, empty.
    pub fn restart(&mut self) {
        self.kill();
        let began = Instant::now();
        while self.child.is_none() {
            assert!(began.elapsed() < STARTS_WITHIN, "port {} is not free again", self.port);
            self.child = run(self.port, &self.settings);
        }
    }

    /// Stops it from answering, with its connections left open.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on after [`RedisServer::freeze`].
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        super::signal::send(signal, self.child.as_ref().unwrap().id());
    }

    /// Sends one command on a connection of its own and waits for the answer.
    pub fn ask<T: redis::FromRedisValue>(&self, command: &[&str]) -> T {
        let client = redis::Client::open(self.url()).unwrap();
        let mut connection = client.get_connection().unwrap();
        let (name, arguments) = command.split_first().unwrap();
        redis::cmd(name).arg(arguments).query(&mut connection).unwrap()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// What the server on this port says its process is.
fn process_id(port: u16) -> Option<u32> {
    let client = redis::Client::open(("127.0.0.1", port)).ok()?;
    let mut connection = client.get_connection_with_timeout(Duration::from_secs(1)).ok()?;
    let info: String = redis::cmd("INFO").arg("server").query(&mut connection).ok()?;
    info.lines().find_map(|line| line.strip_prefix("process_id:")?.trim().parse().ok())
}

/// A child that answers connections, or none when it ended at once.
fn run(port: u16, settings: &[String]) -> Option<Child> {
    let mut child = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .args(settings)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server must be installed");
    let began = Instant::now();
    while began.elapsed() < STARTS_WITHIN {
        if child.try_wait().unwrap().is_some() {
            return None;
        }
        // Another server may have taken the port meanwhile: only this one's own number will do.
        if process_id(port) == Some(child.id()) {
            return Some(child);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}
