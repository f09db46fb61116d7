//! How to reach Redis: the URL of the state, its parameters, and the files that they name.
//!
//! It must not know connections or commands. No error repeats the URL: it may hold a password.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use redis::io::tcp::TcpSettings;
use redis::{Client, ClientTlsConfig, IntoConnectionInfo, ProtocolVersion, RedisError, TlsCertificates};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use url::Url;

/// How to reach Redis.
#[derive(Clone)]
pub struct RedisSettings {
    /// `redis://`, `rediss://` or `redis+unix://`, with user, password and database as usual. With
    /// `rediss://`, `ca=FILE` names the authorities to trust instead of the system's, and `cert=FILE` and
    /// `key=FILE` the certificate to present.
    pub url: String,
    /// How long a call may take, waiting for a connection included.
    pub deadline: Duration,
    /// How many calls may be under way at once.
    pub max_in_flight: usize,
}

impl RedisSettings {
    /// Settings with a deadline of 250 ms and 1,024 calls at once.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), deadline: Duration::from_millis(250), max_in_flight: 1_024 }
    }
}

impl fmt::Debug for RedisSettings {
    /// Without the URL: it may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSettings")
            .field("deadline", &self.deadline)
            .field("max_in_flight", &self.max_in_flight)
            .finish_non_exhaustive()
    }
}

/// Why settings cannot work, whatever Redis does.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Not one of the schemes.
    #[error("the state URL must begin with redis://, rediss:// or redis+unix://")]
    Scheme,
    /// The rest of the URL cannot be read.
    #[error(
        "the state URL cannot be read ({0}): write it like redis://user:password@host:6379/0, with special \
         characters of user and password percent-encoded (@ as %40, / as %2F, ? as %3F, # as %23)"
    )]
    Url(String),
    /// Something after a `#`.
    #[error(
        "the state URL has no part after #: certificates are always checked (name your own authority with \
         ?ca=/path/ca.pem), and a # in the password is written %23"
    )]
    Fragment,
    /// A parameter that the scheme does not have, or one that is there twice or empty.
    #[error(
        "the state URL knows the parameters ca, cert and key (files, with rediss://) and db, user and pass \
         (with redis+unix://), each at most once and never empty"
    )]
    Parameter,
    /// Only one of certificate and key.
    #[error("the state URL needs both cert=FILE and key=FILE, or neither")]
    HalfIdentity,
    /// A file that a parameter names cannot be read.
    #[error(
        "cannot read {}, which {parameter}= of the state URL names: {problem}. It must be a PEM file that the \
         sidecar may read",
        path.display()
    )]
    Unreadable {
        /// Which parameter.
        parameter: &'static str,
        /// What it names.
        path: PathBuf,
        /// Why it cannot be read.
        problem: std::io::Error,
    },
    /// A file that a parameter names holds something else.
    #[error(
        "{}, which {parameter}= of the state URL names, holds no {expected} in PEM (-----BEGIN …)",
        path.display()
    )]
    Content {
        /// Which parameter.
        parameter: &'static str,
        /// What it names.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// A limit that lets nothing through.
    #[error("the store's deadline and its number of calls at once must be at least 1")]
    Zero,
}

/// Whom to trust, and what to present. Paths of PEM files.
#[derive(Default)]
struct Files {
    ca: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
}

/// Reads the URL and the files that it names. Nothing is sent.
///
/// # Errors
/// When they can never work.
pub fn client(text: &str) -> Result<Client, SettingsError> {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme);
    if !matches!(scheme, Some("redis" | "rediss" | "redis+unix")) {
        return Err(SettingsError::Scheme);
    }
    let mut url = Url::parse(text).map_err(|problem| SettingsError::Url(problem.to_string()))?;
    if url.fragment().is_some() {
        return Err(SettingsError::Fragment);
    }
    let files = take_parameters(&mut url)?;
    let refused = |error: RedisError| SettingsError::Url(error.category().to_owned());
    let is_encrypted = url.scheme() == "rediss";
    let info = url.into_connection_info().map_err(refused)?;
    // Only the third version of the protocol tells when the peer closes an idle connection.
    let handshake = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let tcp = TcpSettings::default().set_nodelay(true);
    let info = info.set_redis_settings(handshake).set_tcp_settings(tcp);
    if is_encrypted {
        Client::build_with_tls(info, files.read()?).map_err(refused)
    } else {
        Client::open(info).map_err(refused)
    }
}

/// Takes the names of files out of the URL. What stays is for the `redis` crate, and known to it.
fn take_parameters(url: &mut Url) -> Result<Files, SettingsError> {
    let known: &[&str] = match url.scheme() {
        "rediss" => &["ca", "cert", "key"],
        "redis+unix" => &["db", "user", "pass"],
        _ => &[],
    };
    let mut files = Files::default();
    let mut seen = Vec::new();
    for (name, value) in url.query_pairs() {
        if !known.contains(&name.as_ref()) || value.is_empty() || seen.contains(&name) {
            return Err(SettingsError::Parameter);
        }
        let path = Some(PathBuf::from(value.as_ref()));
        match name.as_ref() {
            "ca" => files.ca = path,
            "cert" => files.cert = path,
            "key" => files.key = path,
            _ => {}
        }
        seen.push(name);
    }
    if url.scheme() == "rediss" {
        url.set_query(None);
    }
    Ok(files)
}

impl Files {
    fn read(self) -> Result<TlsCertificates, SettingsError> {
        let client_tls = match (self.cert, self.key) {
            (Some(cert), Some(key)) => Some(ClientTlsConfig {
                client_cert: certificates("cert", cert)?,
                client_key: private_key(key)?,
            }),
            (None, None) => None,
            _ => return Err(SettingsError::HalfIdentity),
        };
        let root_cert = self.ca.map(|path| certificates("ca", path)).transpose()?;
        Ok(TlsCertificates { client_tls, root_cert })
    }
}

fn certificates(parameter: &'static str, path: PathBuf) -> Result<Vec<u8>, SettingsError> {
    let (pem, path) = read(parameter, path)?;
    let mut count = 0;
    let mut roots = rustls::RootCertStore::empty();
    // A file without any would trust nobody, and say so only when it is too late.
    let all_fine = CertificateDer::pem_slice_iter(&pem).all(|certificate| {
        count += 1;
        certificate.is_ok_and(|certificate| roots.add(certificate).is_ok())
    });
    if all_fine && count > 0 {
        Ok(pem)
    } else {
        Err(SettingsError::Content { parameter, path, expected: "valid certificate" })
    }
}

fn private_key(path: PathBuf) -> Result<Vec<u8>, SettingsError> {
    let (pem, path) = read("key", path)?;
    match PrivateKeyDer::from_pem_slice(&pem) {
        Ok(_) => Ok(pem),
        Err(_) => Err(SettingsError::Content { parameter: "key", path, expected: "private key" }),
    }
}

fn read(parameter: &'static str, path: PathBuf) -> Result<(Vec<u8>, PathBuf), SettingsError> {
    match std::fs::read(&path) {
        Ok(content) => Ok((content, path)),
        Err(problem) => Err(SettingsError::Unreadable { parameter, path, problem }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> Option<String> {
        client(url).err().map(|error| format!("{error} {error:?}"))
    }

    #[test]
    fn what_can_never_work_is_refused_and_no_password_is_repeated() {
        for url in ["", "memory", "http://x/", "redis-sentinel://x/", "redis-cluster://x/", "unix:///x"] {
            assert!(matches!(client(url), Err(SettingsError::Scheme)), "{url:?}");
        }
        for url in [
            "redis://:hunter2@x:port/",
            "redis://:hunter2@x/database",
            "redis://:hunter2@x/#insecure",
            "rediss://:hunter2@x/#insecure",
            "redis://:hunter2@x/?ca=/x",
            "redis://:hunter2@x/?protocol=resp2",
            "rediss://:hunter2@x/?ca=/x&ca=/y",
            "rediss://:hunter2@x/?ca=",
            "rediss://:hunter2@x/?cert=/x",
            "rediss://:hunter2@x/?key=/x",
            "redis+unix:///run/redis.sock?pass=hunter2&ca=/x",
            "redis+unix:///run/redis.sock?pass=hunter2&db=first",
        ] {
            let told = refused(url).unwrap_or_else(|| panic!("{url} was taken"));
            assert!(!told.contains("hunter2"), "{told}");
        }
        let settings = RedisSettings::new("redis://:hunter2@x/");
        assert!(!format!("{settings:?}").contains("hunter2"));
    }

    #[test]
    fn what_can_work_is_taken() {
        for url in [
            "redis://127.0.0.1/3",
            "redis://user:p%40ss@[::1]:6380",
            "rediss://x",
            "redis+unix:///run/redis.sock",
            "redis+unix:///run/redis.sock?db=3&user=u&pass=p",
        ] {
            assert_eq!(refused(url), None, "{url}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named_with_its_parameter() {
        let missing = refused("rediss://x/?ca=/nowhere/ca.pem").unwrap();
        assert!(missing.contains("/nowhere/ca.pem") && missing.contains("ca="), "{missing}");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let other = refused(&format!("rediss://x/?ca={source}")).unwrap();
        assert!(other.contains("Cargo.toml") && other.contains("no valid certificate"), "{other}");
    }
}
