//! A real SMTP relay (`tests/smtp/server.py`) and what it received.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

/// The login that the relay accepts.
pub const USER: &str = "otp@wallet.example";
/// Its password, with a character that a URL must escape.
pub const PASSWORD: &str = "correct horse";

/// A running relay. It ends with this value.
pub struct SmtpServer {
    child: Child,
    folder: PathBuf,
    ports: Value,
}

/// A mail as it arrived.
#[derive(Debug, Clone)]
pub struct ReceivedMail(Value);

impl SmtpServer {
    /// Starts a relay and waits until it listens.
    pub fn start() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("otp-smtp-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the relay");
        let (child, ports) = spawn(&folder, 0);
        Self { child, folder, ports }
    }

    /// Ends the relay, as a crash would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again after [`SmtpServer::kill`], with the same authority and STARTTLS port. What it
    /// had received is gone.
    pub fn start_again(&mut self) {
        (self.child, self.ports) = spawn(&self.folder, self.port("starttls"));
    }

    /// The port of `starttls`, `implicit`, `plain` or `http`.
    pub fn port(&self, name: &str) -> u16 {
        let port = self.ports[name].as_u64().expect("a port");
        u16::try_from(port).expect("a port")
    }

    /// The file of the authority that signed the relay's certificate.
    pub fn ca(&self) -> &str {
        self.ports["ca"].as_str().expect("a path")
    }

    /// What it received since it started or was cleared, in that order.
    pub fn mails(&self) -> Vec<ReceivedMail> {
        let mails = self.call("GET", "/mails", &Value::Null);
        mails.as_array().expect("a list").iter().cloned().map(ReceivedMail).collect()
    }

    /// Forgets what it received.
    pub fn clear(&self) {
        self.call("DELETE", "/mails", &Value::Null);
    }

    /// Behaves as `mode` says from now on, or as many `times`.
    pub fn mode(&self, mode: &str, times: Option<u32>) {
        self.call("POST", "/mode", &json!({ "mode": mode, "times": times }));
    }

    /// Closes every connection.
    pub fn hang_up(&self) {
        self.call("POST", "/hangup", &Value::Null);
    }

    /// How many `connections` or `logins` there were.
    pub fn count(&self, of: &str) -> u64 {
        self.call("GET", "/stats", &Value::Null)[of].as_u64().expect("a count")
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(("127.0.0.1", self.port("http"))).expect("the relay's control");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time limit");
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: relay\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(format!("{head}{body}").as_bytes()).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        serde_json::from_str(body).expect("JSON")
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl ReceivedMail {
    /// The envelope recipients.
    pub fn to(&self) -> Vec<&str> {
        self.0["to"].as_array().expect("a list").iter().filter_map(Value::as_str).collect()
    }

    /// Whether the connection was encrypted.
    pub fn encrypted(&self) -> bool {
        self.0["encrypted"] == true
    }

    /// Whether the sender had logged in.
    pub fn authenticated(&self) -> bool {
        self.0["authenticated"] == true
    }

    /// A header's value, decoded.
    pub fn header(&self, name: &str) -> Option<&str> {
        let headers = self.0["headers"].as_array().expect("a list");
        headers.iter().find(|header| header[0] == name).and_then(|header| header[1].as_str())
    }

    /// The parts in their order, as media type, transfer encoding and decoded text.
    pub fn parts(&self) -> Vec<(&str, &str, &str)> {
        let parts = self.0["parts"].as_array().expect("a list");
        parts.iter().map(|part| (word(&part["type"]), word(&part["encoding"]), word(&part["text"]))).collect()
    }

    /// The whole mail as it came over the wire.
    pub fn raw(&self) -> &str {
        self.0["raw"].as_str().expect("a text")
    }
}

fn word(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn spawn(folder: &Path, starttls_port: u16) -> (Child, Value) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut child = Command::new(python())
        .arg(root.join("tests/smtp/server.py"))
        .args(["--user", USER, "--password", PASSWORD])
        .args(["--starttls-port", &starttls_port.to_string()])
        .arg("--folder")
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the SMTP server needs Python with aiosmtpd and trustme; `make test` installs them");
    let mut line = String::new();
    let output = child.stdout.take().expect("its output");
    BufReader::new(output).read_line(&mut line).expect("its first line");
    let ports = serde_json::from_str(&line)
        .expect("the SMTP server did not start; `make test` installs the Python packages it needs");
    (child, ports)
}

/// `OTP_TEST_PYTHON`, or the environment that `make test` sets up, or the system's.
pub fn python() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/.venv/bin/python");
    match std::env::var_os("OTP_TEST_PYTHON") {
        Some(named) => PathBuf::from(named),
        None if own.exists() => own,
        None => PathBuf::from("python3"),
    }
}
