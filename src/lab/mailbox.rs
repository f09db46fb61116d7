//! A mail catcher: takes mail over SMTP on loopback and keeps it for whoever asks.
//!
//! Speaks as much of RFC 5321 as a mail client needs to hand over a message, without TLS and without
//! authentication: it never leaves the machine. Everything a client can make it hold has a bound.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};
use tokio::task::AbortHandle;

use super::mail::Mail;

const MOST_MAILS: usize = 1_000;
const MOST_CONNECTIONS: usize = 64;
const MOST_RECIPIENTS: usize = 100;
// RFC 5321, section 4.5.3.1: a text line has at most 1,000 bytes; clients that send more exist.
const LONGEST_LINE: u64 = 8 * 1024;
const LARGEST_MESSAGE: usize = 256 * 1024;
const PATIENCE: Duration = Duration::from_secs(60);

/// A running mail catcher. It stops when this is dropped.
#[derive(Debug)]
pub struct Mailbox {
    addr: SocketAddr,
    shelf: Arc<Shelf>,
    accept: AbortHandle,
}

#[derive(Debug, Default)]
struct Shelf {
    mails: Mutex<VecDeque<Mail>>,
    arrived: Notify,
}

impl Shelf {
    fn put(&self, mail: Mail) -> bool {
        let mut mails = self.mails.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = mails.len() < MOST_MAILS;
        if has_room {
            mails.push_back(mail);
            self.arrived.notify_one();
        }
        has_room
    }

    fn take(&self) -> Option<Mail> {
        self.mails.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl Mailbox {
    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The oldest mail that nobody has taken yet, or the next to arrive.
    pub async fn next_mail(&self) -> Mail {
        loop {
            let arrived = self.shelf.arrived.notified();
            if let Some(mail) = self.shelf.take() {
                return mail;
            }
            arrived.await;
        }
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

/// Serves on an already bound listener, until the mailbox is dropped.
///
/// # Errors
/// When the listener does not know its own address.
pub fn start(listener: TcpListener) -> io::Result<Mailbox> {
    let addr = listener.local_addr()?;
    let shelf = Arc::new(Shelf::default());
    let kept = Arc::clone(&shelf);
    let accept = tokio::spawn(async move {
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let shelf = Arc::clone(&kept);
            tokio::spawn(async move {
                // A client that breaks off has handed over nothing; there is nobody to tell.
                let _ = Session::new(stream, &shelf).run().await;
                drop(place);
            });
        }
    });
    Ok(Mailbox { addr, shelf, accept: accept.abort_handle() })
}

/// One conversation with one client.
struct Session<'a> {
    stream: BufReader<TcpStream>,
    shelf: &'a Shelf,
    from: Option<String>,
    to: Vec<String>,
}

impl<'a> Session<'a> {
    fn new(stream: TcpStream, shelf: &'a Shelf) -> Self {
        Self { stream: BufReader::new(stream), shelf, from: None, to: Vec::new() }
    }

    async fn run(mut self) -> io::Result<()> {
        self.say("220 localhost ready").await?;
        while let Some(line) = self.line().await? {
            let line = String::from_utf8_lossy(&line).into_owned();
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
            match verb.as_str() {
                "EHLO" => {
                    self.reset();
                    self.say(&format!("250-localhost\r\n250-8BITMIME\r\n250 SIZE {LARGEST_MESSAGE}")).await?;
                }
                "HELO" | "RSET" => {
                    self.reset();
                    self.say("250 ok").await?;
                }
                "MAIL" => self.mail(&line).await?,
                "RCPT" => self.recipient(&line).await?,
                "DATA" => self.data().await?,
                "NOOP" => self.say("250 ok").await?,
                "QUIT" => return self.say("221 bye").await,
                _ => self.say("502 not known here").await?,
            }
        }
        Ok(())
    }

    fn reset(&mut self) {
        self.from = None;
        self.to.clear();
    }

    async fn mail(&mut self, line: &str) -> io::Result<()> {
        self.reset();
        self.from = address(line);
        let known = self.from.is_some();
        self.say(if known { "250 ok" } else { "501 write MAIL FROM:<address>" }).await
    }

    async fn recipient(&mut self, line: &str) -> io::Result<()> {
        let reply = match address(line) {
            _ if self.from.is_none() => "503 MAIL comes first",
            _ if self.to.len() >= MOST_RECIPIENTS => "452 too many recipients",
            None => "501 write RCPT TO:<address>",
            Some(address) => {
                self.to.push(address);
                "250 ok"
            }
        };
        self.say(reply).await
    }

    async fn data(&mut self) -> io::Result<()> {
        let Some(from) = self.from.clone().filter(|_| !self.to.is_empty()) else {
            return self.say("503 MAIL and RCPT come first").await;
        };
        self.say("354 end with a dot alone on a line").await?;
        let reply = match self.message().await? {
            None => "552 the message is too large",
            Some(message) if self.shelf.put(Mail::parse(&from, &self.to, &message)) => "250 kept",
            Some(_) => "452 the mailbox is full",
        };
        self.reset();
        self.say(reply).await
    }

    /// Reads up to the lone dot, and takes the dots away that the client added (RFC 5321, section
    /// 4.5.2). `None` when the message is too large.
    async fn message(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut message = Vec::new();
        let mut read = 0_usize;
        while let Some(line) = self.line().await? {
            if line == b"." {
                return Ok((read <= LARGEST_MESSAGE).then_some(message));
            }
            read = read.saturating_add(line.len() + 2);
            if read <= LARGEST_MESSAGE {
                message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
                message.extend_from_slice(b"\r\n");
            }
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    /// The next line without its end. `None` when the client has closed.
    async fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let mut bounded = (&mut self.stream).take(LONGEST_LINE);
        let read = tokio::time::timeout(PATIENCE, bounded.read_until(b'\n', &mut line)).await??;
        if read == 0 {
            return Ok(None);
        }
        if line.pop() != Some(b'\n') {
            return Err(io::ErrorKind::InvalidData.into());
        }
        line.pop_if(|last| *last == b'\r');
        Ok(Some(line))
    }

    async fn say(&mut self, reply: &str) -> io::Result<()> {
        let line = format!("{reply}\r\n");
        tokio::time::timeout(PATIENCE, self.stream.write_all(line.as_bytes())).await?
    }
}

/// The address between the angle brackets of a `MAIL` or `RCPT` line.
fn address(line: &str) -> Option<String> {
    let (_, rest) = line.split_once('<')?;
    let (address, _) = rest.split_once('>')?;
    Some(address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn started() -> Mailbox {
        start(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap()
    }

    /// Sends the lines and returns the first digit of every reply line.
    async fn talk(mailbox: &Mailbox, lines: &str) -> String {
        let mut stream = TcpStream::connect(mailbox.addr()).await.unwrap();
        stream.write_all(lines.replace('\n', "\r\n").as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut replies = String::new();
        stream.read_to_string(&mut replies).await.unwrap();
        replies.lines().filter_map(|line| line.chars().next()).collect()
    }

    #[tokio::test]
    async fn a_message_is_kept_with_its_envelope_and_its_dots() {
        let mailbox = started().await;
        let lines = "EHLO me\nMAIL FROM:<a@b>\nRCPT TO:<c@d>\nRCPT TO:<e@f>\nDATA\n\
            Subject: hello\n\n..dotted\n123456\n.\nQUIT\n";
        assert_eq!(talk(&mailbox, lines).await, "2222222322");
        let mail = mailbox.next_mail().await;
        assert_eq!((mail.from.as_str(), mail.to.join(" ").as_str()), ("a@b", "c@d e@f"));
        assert_eq!((mail.subject.as_str(), mail.text.as_str()), ("hello", ".dotted\n123456"));
        assert_eq!(mail.code(), Some("123456"));
    }

    #[tokio::test]
    async fn commands_out_of_order_are_refused_and_keep_nothing() {
        let mailbox = started().await;
        assert_eq!(talk(&mailbox, "DATA\nRCPT TO:<a@b>\nMAIL nonsense\nBDAT 1\nQUIT\n").await, "255552");
        assert!(mailbox.shelf.take().is_none());
    }

    #[tokio::test]
    async fn a_message_cut_off_before_its_dot_is_not_kept() {
        let mailbox = started().await;
        let replies =
            talk(&mailbox, "HELO me\nMAIL FROM:<a@b>\nRCPT TO:<c@d>\nDATA\nSubject: x\n\nhalf").await;
        assert_eq!(replies, "22223");
        assert!(mailbox.shelf.take().is_none());
    }

    #[tokio::test]
    async fn a_message_that_is_too_large_is_refused_and_the_next_one_taken() {
        let mailbox = started().await;
        let large = "x".repeat(1_000) + "\n";
        let lines = format!(
            "HELO me\nMAIL FROM:<a@b>\nRCPT TO:<c@d>\nDATA\n{}.\n\
             MAIL FROM:<a@b>\nRCPT TO:<c@d>\nDATA\nSubject: small\n\n.\nQUIT\n",
            large.repeat(300)
        );
        assert_eq!(talk(&mailbox, &lines).await, "22223522322");
        assert_eq!(mailbox.next_mail().await.subject, "small");
    }
}
