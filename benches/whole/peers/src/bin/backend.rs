//! A backend that costs next to nothing, so that the proxy before it is what is measured.
//!
//! `backend LISTEN`. `/64k` answers with 64 KiB, everything else with 200 bytes. Request bodies with a
//! length are read and thrown away, chunked ones until their last chunk.

use std::env;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn answer(length: usize) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n");
    answer.push_str(&"x".repeat(length));
    answer.into_bytes()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn length_of(head: &[u8]) -> usize {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let value = text.split("content-length:").nth(1).and_then(|rest| rest.lines().next());
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

async fn serve(mut stream: TcpStream, small: &[u8], large: &[u8]) -> std::io::Result<()> {
    let mut buffer = BytesMut::with_capacity(64 * 1024);
    loop {
        let end = loop {
            if let Some(end) = find(&buffer, b"\r\n\r\n") {
                break end + 4;
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        let head = buffer.split_to(end);
        let is_large = head.starts_with(b"GET /64k ");
        if find(&head, b"hunked").is_some() {
            while !buffer.ends_with(b"0\r\n\r\n") {
                let keep = buffer.len().saturating_sub(5);
                let _ = buffer.split_to(keep);
                buffer.reserve(64 * 1024);
                if stream.read_buf(&mut buffer).await? == 0 {
                    return Ok(());
                }
            }
            buffer.clear();
        } else if !head.starts_with(b"GET ") {
            let mut left = length_of(&head);
            loop {
                let taken = left.min(buffer.len());
                let _ = buffer.split_to(taken);
                left -= taken;
                if left == 0 {
                    break;
                }
                buffer.reserve(64 * 1024);
                if stream.read_buf(&mut buffer).await? == 0 {
                    return Ok(());
                }
            }
        }
        stream.write_all(if is_large { large } else { small }).await?;
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let listen = env::args().nth(1).ok_or_else(|| std::io::Error::other("usage: backend LISTEN"))?;
    let listener = TcpListener::bind(listen).await?;
    let (small, large): (&[u8], &[u8]) = (answer(200).leak(), answer(64 * 1024).leak());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(stream, small, large));
    }
}
