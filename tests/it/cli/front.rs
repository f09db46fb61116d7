//! What stands before a deployment in these tests: an end of TLS, and a server that always says the same.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::support::authority::Authority;

/// Ends TLS with a certificate for `localhost` and passes the bytes on.
pub async fn encrypted(authority: &Authority, to: SocketAddr) -> String {
    let leaf = authority.leaf("localhost");
    let key = PrivateKeyDer::try_from(leaf.key.serialize_der()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut client) = acceptor.accept(stream).await else { return };
                let mut server = TcpStream::connect(to).await.unwrap();
                let _closed = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    format!("https://localhost:{port}")
}

/// Gives this answer to every request, and closes.
pub async fn always(answer: &'static str) -> SocketAddr {
    answering(move |_| answer).await
}

/// Gives each request the answer that its head asks for, and closes.
pub async fn answering(answer: impl Fn(&str) -> &'static str + Clone + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    match stream.read(&mut buffer).await {
                        Ok(read @ 1..) => request.extend_from_slice(&buffer[..read]),
                        _ => return,
                    }
                }
                let said = answer(&String::from_utf8_lossy(&request));
                let _closed = stream.write_all(said.as_bytes()).await;
                let _closed = stream.shutdown().await;
                // What else the client sends is read, or the answer could be lost with a reset.
                while let Ok(1..) = stream.read(&mut buffer).await {}
            });
        }
    });
    address
}
