//! `otp-sidecar health`: one probe of the admin listener, for images without a shell.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::json;
use url::Url;

use super::ending::Ending;
use super::output::{OutputFlags, Screen, visible};
use crate::config::duration;

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar health                                        # may traffic come?
  otp-sidecar health --live --admin http://127.0.0.1:9145   # does the process answer?
  otp-sidecar health --live --for 5s                        # as a preStop hook, where there is no shell

Exit code 0: yes; 1: no, and standard output says why; 2: a flag is wrong.";

/// The most bytes of an answer that are looked at.
const LONGEST: u64 = 4 * 1024;

/// How long to rest between two questions.
const REST: Duration = Duration::from_millis(500);

/// Flags of `otp-sidecar health`.
#[derive(Debug, Args)]
pub(super) struct HealthFlags {
    /// The admin listener.
    #[arg(long, env = "OTP_SIDECAR_ADMIN", default_value = "http://127.0.0.1:9145", value_name = "URL")]
    admin: String,

    /// Ask only whether the process answers (/livez), not whether traffic may come (/readyz).
    #[arg(long)]
    live: bool,

    /// How long one answer may take.
    #[arg(long, default_value = "2s", value_name = "TIME")]
    timeout: String,

    /// Go on asking for this long; the first bad answer ends it.
    #[arg(long = "for", value_name = "TIME")]
    how_long: Option<String>,

    #[command(flatten)]
    output: OutputFlags,
}

/// What was answered.
struct Answer {
    status: u16,
    body: String,
}

/// Asks, once or for a while.
pub(super) fn run(flags: &HealthFlags) -> anyhow::Result<Ending> {
    let url = admin(&flags.admin)?;
    let timeout = flag("timeout", &flags.timeout)?;
    let how_long = flags.how_long.as_deref().map(|text| flag("for", text)).transpose()?.unwrap_or_default();
    let path = if flags.live { "/livez" } else { "/readyz" };
    let until = Instant::now() + how_long;
    loop {
        let problem = match ask(&url, path, timeout) {
            Ok(answer) if answer.status == 200 => None,
            Ok(answer) => Some(format!("{} {}", answer.status, answer.body.trim())),
            Err(error) => Some(format!("{error:#}")),
        };
        let left = until.saturating_duration_since(Instant::now());
        if problem.is_some() || left.is_zero() {
            return told(flags, &url, problem);
        }
        std::thread::sleep(left.min(REST));
    }
}

/// Prints the result: for people only what is wrong.
fn told(flags: &HealthFlags, url: &Url, problem: Option<String>) -> anyhow::Result<Ending> {
    let mut screen = Screen::new(flags.output);
    let ending = Ending::of(problem.is_some());
    if screen.is_json() {
        screen.json(&json!({
            "admin": url.as_str().trim_end_matches('/'),
            "asked": if flags.live { "live" } else { "ready" },
            "ok": problem.is_none(),
            "problem": problem,
        }))?;
    } else if let Some(problem) = problem {
        screen.line(&visible(&problem))?;
    }
    screen.flush()?;
    Ok(ending)
}

fn admin(text: &str) -> anyhow::Result<Url> {
    let url = Url::parse(text).with_context(|| format!("--admin: `{text}` is no URL"))?;
    if url.scheme() != "http" || url.host_str().is_none() {
        bail!("--admin: `{text}` cannot be asked: write http://127.0.0.1:9145");
    }
    Ok(url)
}

fn flag(name: &str, text: &str) -> anyhow::Result<Duration> {
    duration::duration(text).map_err(|problem| anyhow::anyhow!("--{name}: {problem}"))
}

/// One question. By hand, since a probe runs every few seconds and should cost nothing.
fn ask(url: &Url, path: &str, timeout: Duration) -> anyhow::Result<Answer> {
    let sockets = url.socket_addrs(|| None).with_context(|| format!("{url} has no address"))?;
    let deadline = Instant::now() + timeout;
    let mut stream =
        connect(&sockets, timeout).with_context(|| format!("no sidecar answers at {url} (--admin)"))?;
    let host = url.host_str().unwrap_or_default();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.set_write_timeout(Some(timeout))?;
    stream.write_all(request.as_bytes()).with_context(|| format!("{url} hung up"))?;
    let text = read(&mut stream, deadline).with_context(|| format!("no answer from {url} in {timeout:?}"))?;
    parse(&text).with_context(|| format!("{url} is no admin listener of otp-sidecar"))
}

fn connect(sockets: &[SocketAddr], timeout: Duration) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for socket in sockets {
        match TcpStream::connect_timeout(socket, timeout) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Everything until the other side closes, at most [`LONGEST`] bytes, in time.
fn read(stream: &mut TcpStream, deadline: Instant) -> io::Result<String> {
    let mut bytes = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let mut piece = [0; 1024];
        match stream.read(&mut piece)? {
            0 => break,
            read => bytes.extend(piece.iter().take(read)),
        }
        if bytes.len() as u64 > LONGEST {
            break;
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Status and body of an answer (RFC 9112, 4).
fn parse(text: &str) -> anyhow::Result<Answer> {
    let (head, body) = text.split_once("\r\n\r\n").context("the answer has no end of its head")?;
    let rest = head.strip_prefix("HTTP/1.1 ").context("the answer is no HTTP/1.1")?;
    let status = rest.split(' ').next().and_then(|code| code.parse().ok()).context("it has no status")?;
    Ok(Answer { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_of_http_counts_as_one() {
        let answer = parse("HTTP/1.1 503 Service Unavailable\r\nX: y\r\n\r\ndraining").unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (503, "draining"));
        for bad in ["", "HTTP/1.1 200 OK", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 \r\n\r\n", "HTTP/1.1 ok\r\n\r\n"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
