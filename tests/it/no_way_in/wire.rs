//! Requests as bytes, and the connections they go out on.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long to go on reading from a server that waits for the rest of a request. What it does after that
/// is looked at all the same.
const SILENCE: Duration = Duration::from_millis(250);

/// One request, spelt out by a test.
#[derive(Clone)]
pub struct Draft {
    method: String,
    target: Vec<u8>,
    /// With the colon and the space, so that these can be wrong too.
    lines: Vec<Vec<u8>>,
    body: Vec<u8>,
}

impl Draft {
    pub fn new(method: &str, target: impl Into<Vec<u8>>) -> Self {
        Self { method: method.to_owned(), target: target.into(), lines: Vec::new(), body: Vec::new() }
    }

    pub fn target(mut self, target: impl Into<Vec<u8>>) -> Self {
        self.target = target.into();
        self
    }

    pub fn method(mut self, method: &str) -> Self {
        self.method = method.to_owned();
        self
    }

    pub fn header(self, name: &str, value: &str) -> Self {
        self.line(format!("{name}: {value}"))
    }

    /// A header line as it is.
    pub fn line(mut self, line: impl Into<Vec<u8>>) -> Self {
        self.lines.push(line.into());
        self
    }

    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", &format!("Bearer {token}"))
    }

    pub fn body(mut self, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("Content-Type", kind)
    }

    pub fn json(self, body: impl ToString) -> Self {
        self.body("application/json", body.to_string())
    }

    /// With a length, and a Host if it has none of its own.
    pub fn bytes(&self) -> Vec<u8> {
        let mut head = self.lines.clone();
        if !head.iter().any(|line| line.starts_with(b"Host:")) {
            head.insert(0, b"Host: wallet".to_vec());
        }
        if !self.body.is_empty() || self.method == "POST" {
            head.push(format!("Content-Length: {}", self.body.len()).into_bytes());
        }
        [self.head(&head), self.body.clone()].concat()
    }

    /// With exactly the lines given, and these bytes behind the head.
    pub fn unframed(&self, rest: &[u8]) -> Vec<u8> {
        [self.head(&self.lines), rest.to_vec()].concat()
    }

    fn head(&self, lines: &[Vec<u8>]) -> Vec<u8> {
        let mut head = [self.method.as_bytes(), b" ", &self.target, b" HTTP/1.1\r\n"].concat();
        for line in lines {
            head.extend_from_slice(line);
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        head
    }
}

/// An answer, read whole.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// One client's connection, which is kept alive as long as the server likes.
pub struct Lane {
    server: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Lane {
    pub fn to(server: SocketAddr) -> Self {
        Self { server, stream: None }
    }

    /// Sends one request that is whole and reads its answer. `None`: the server hung up on it.
    pub fn call(&mut self, request: &[u8]) -> Option<Answer> {
        let was_open = self.stream.is_some();
        match self.attempt(request) {
            // The server had closed the connection before.
            None if was_open => self.attempt(request),
            answer => answer,
        }
    }

    fn attempt(&mut self, request: &[u8]) -> Option<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => BufReader::new(connect(self.server, PATIENCE)),
        };
        stream.get_mut().write_all(request).ok()?;
        let (answer, is_open) = read_answer(&mut stream, request.starts_with(b"HEAD "))?;
        if is_open {
            self.stream = Some(stream);
        }
        Some(answer)
    }
}

fn connect(server: SocketAddr, patience: Duration) -> TcpStream {
    let stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(patience)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Sends bytes that may be any number of requests on a connection of their own, and gives back the statuses
/// of the answers.
pub fn burst(server: SocketAddr, bytes: &[u8]) -> Vec<u16> {
    let mut stream = connect(server, SILENCE);
    // A server that hangs up has said enough.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer);
    text.match_indices("HTTP/1.").filter_map(|(at, _)| text.get(at + 9..at + 12)?.parse().ok()).collect()
}

fn read_answer(stream: &mut BufReader<TcpStream>, is_head: bool) -> Option<(Answer, bool)> {
    loop {
        let lines = read_lines(stream)?;
        let status: u16 = lines.first()?.split(' ').nth(1)?.parse().ok()?;
        if status == 100 {
            continue;
        }
        let value = |name: &str| {
            let found = lines.iter().find_map(|line| {
                let (given, value) = line.split_once(':')?;
                given.eq_ignore_ascii_case(name).then_some(value)
            });
            found.map(|value| value.trim().to_ascii_lowercase())
        };
        let length = value("content-length").and_then(|length| length.parse().ok());
        let is_chunked = value("transfer-encoding").is_some_and(|coding| coding == "chunked");
        let closes = value("connection").is_some_and(|word| word == "close");
        let mut body = Vec::new();
        let is_framed = match (length, is_chunked) {
            _ if is_head || matches!(status, 204 | 304) => true,
            (_, true) => read_chunks(stream, &mut body).is_some(),
            (Some(length), _) => read_piece(stream, length, &mut body).is_some(),
            (None, false) => stream.read_to_end(&mut body).is_ok_and(|_| false),
        };
        return Some((Answer { status, body }, is_framed && !closes));
    }
}

fn read_lines(stream: &mut BufReader<TcpStream>) -> Option<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).ok()? == 0 {
            return None;
        }
        match String::from_utf8_lossy(&line).trim_end() {
            "" => return Some(lines),
            line => lines.push(line.to_owned()),
        }
    }
}

fn read_piece(stream: &mut BufReader<TcpStream>, length: usize, body: &mut Vec<u8>) -> Option<()> {
    let start = body.len();
    body.resize(start + length, 0);
    stream.read_exact(&mut body[start..]).ok()
}

fn read_chunks(stream: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> Option<()> {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let length = usize::from_str_radix(line.trim(), 16).ok()?;
        read_piece(stream, length, body)?;
        stream.read_line(&mut line).ok()?;
        if length == 0 {
            return Some(());
        }
    }
}
