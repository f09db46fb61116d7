//! Real wallet backends on real routers, each a process of its own on a free port of the loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// A running backend; stopped when dropped.
pub struct Backend {
    pub name: &'static str,
    pub port: u16,
    process: Child,
}

/// A request that reached the handler of a protected route.
#[derive(Debug)]
pub struct Hit {
    pub route: String,
    pub method: String,
    pub url: String,
    /// The names of its headers, in lower case.
    pub headers: Vec<String>,
    /// As the backend read it.
    pub body: Value,
    /// Its `X-Mark`.
    pub mark: Option<usize>,
}

/// Every backend there is: its name and how it is started.
pub const BACKENDS: [(&str, &[&str]); 8] = [
    ("Express 4", &["node", "node/express.js", "express4"]),
    ("Express 5", &["node", "node/express.js", "express5"]),
    ("Fastify 4", &["node", "node/fastify.js", "fastify4"]),
    ("Fastify 5", &["node", "node/fastify.js", "fastify5"]),
    ("Fastify 4, relaxed", &["node", "node/fastify.js", "fastify4", "relaxed"]),
    ("Fastify 5, relaxed", &["node", "node/fastify.js", "fastify5", "relaxed"]),
    ("FastAPI on httptools", &["python", "fastapi/wallet.py", "httptools"]),
    ("FastAPI on h11", &["python", "fastapi/wallet.py", "h11"]),
];

/// An Express that believes every header and field that can change a method or a path, and whose protected
/// handlers take all methods.
pub const LENIENT: (&str, &[&str]) =
    ("Express 5, lenient", &["node", "node/express.js", "express5", "lenient"]);

impl Backend {
    pub fn start((name, command): (&'static str, &[&str])) -> Self {
        let (program, arguments) = command.split_first().unwrap();
        let program = match *program {
            // With FastAPI installed, which a system's own interpreter rarely has.
            "python" => std::env::var("OTP_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned()),
            other => other.to_owned(),
        };
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/backends");
        let mut process = Command::new(&program)
            .args(arguments)
            .current_dir(folder)
            .env("PORT", "0")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{name}: {program}: {error}; `make test` installs what is missing")
            });
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().strip_prefix("listening ").and_then(|port| port.parse().ok());
        let port =
            port.unwrap_or_else(|| panic!("{name} did not start; `make test` installs what is missing"));
        Self { name, port, process }
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Whether it opens a WebSocket on `/ws`.
    pub fn has_websocket(&self) -> bool {
        !self.name.starts_with("FastAPI") && self.name != LENIENT.0
    }

    /// Sends bytes on a connection of their own and reads what comes back until the end.
    pub fn send(&self, request: &[u8]) -> Vec<u8> {
        let mut answer = Vec::new();
        let mut exchange = || -> std::io::Result<()> {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            stream.write_all(request)?;
            stream.read_to_end(&mut answer)?;
            Ok(())
        };
        // A backend that hangs up on a broken request is an answer too.
        let _ = exchange();
        answer
    }

    /// Sends one small request with this request line's method and target.
    pub fn request(&self, method: &str, target: &[u8], mark: usize) -> Vec<u8> {
        let mut request = format!("{method} ").into_bytes();
        request.extend_from_slice(target);
        request.extend_from_slice(
            format!(
                " HTTP/1.1\r\nHost: wallet\r\nX-Mark: {mark}\r\nContent-Type: application/json\r\n\
                 Content-Length: 2\r\nConnection: close\r\n\r\n{{}}"
            )
            .as_bytes(),
        );
        self.send(&request)
    }

    /// The requests that reached a protected handler so far.
    pub fn hits(&self) -> Vec<Hit> {
        let answer = self.send(b"GET /__hits HTTP/1.1\r\nHost: wallet\r\nConnection: close\r\n\r\n");
        let start = answer.windows(4).position(|w| w == b"\r\n\r\n").expect("an answer") + 4;
        let list: Value = serde_json::from_slice(&answer[start..]).expect("a JSON list");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let hit = |hit: &Value| Hit {
            route: text(&hit["route"]),
            method: text(&hit["method"]),
            url: text(&hit["url"]),
            headers: hit["headers"]
                .as_array()
                .map(|names| names.iter().map(text).collect())
                .unwrap_or_default(),
            body: hit["body"].clone(),
            mark: hit["mark"].as_str().and_then(|mark| mark.parse().ok()),
        };
        list.as_array().unwrap().iter().map(hit).collect()
    }

    /// Forgets them.
    pub fn forget_hits(&self) {
        self.send(b"DELETE /__hits HTTP/1.1\r\nHost: wallet\r\nConnection: close\r\n\r\n");
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
