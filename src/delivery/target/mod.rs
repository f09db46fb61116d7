//! The relay that `--smtp` names.
//!
//! Parsing asks for environment variables through a function and reads no file. The value may hold
//! a password, so no error repeats any part of it.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use url::Url;
use zeroize::Zeroizing;

/// A relay, and how to speak to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpTarget {
    /// A name or an address; an IPv6 address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: TlsMode,
    /// Who we are to the relay.
    pub credentials: Option<Login>,
    /// The authorities to trust instead of the system's, in PEM.
    pub ca_file: Option<PathBuf>,
}

/// How the connection to a relay is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// STARTTLS, or no mail.
    Required,
    /// STARTTLS if the relay offers it. Whoever sits in between can take the offer away.
    Opportunistic,
    /// Never. Only for a relay on loopback.
    None,
    /// TLS from the first byte (RFC 8314).
    Implicit,
}

/// A user and a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user, often an address.
    pub user: String,
    /// The password.
    pub password: Zeroizing<String>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(***)")
    }
}

/// What is wrong with the value of `--smtp`, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Neither a URL of a known form nor `gmail`.
    #[error(
        "--smtp must be smtp://user:password@host:587, smtps://user:password@host:465 or gmail; write special characters of user and password percent-encoded (@ as %40, / as %2F, # as %23, ? as %3F)"
    )]
    Form,
    /// Something stands between the port and the query.
    #[error(
        "--smtp has no path: write special characters of the password percent-encoded (/ as %2F, ? as %3F, # as %23)"
    )]
    Path,
    /// Only one of user and password is there.
    #[error("--smtp needs both a user and a password, or neither: smtp://user:password@host")]
    HalfLogin,
    /// A `%` is not followed by two hexadecimal digits, or the bytes are not UTF-8.
    #[error("--smtp has a % that is not followed by two hexadecimal digits of UTF-8: write % itself as %25")]
    Escape,
    /// A parameter that does not exist, or one that is there twice.
    #[error("--smtp knows the parameters tls and ca, each at most once: ?tls=required&ca=/path/ca.pem")]
    Parameter,
    /// A value of `tls` that does not exist.
    #[error("tls in --smtp must be required, opportunistic or none")]
    TlsValue,
    /// `tls` together with `smtps`.
    #[error("smtps:// is always encrypted: leave tls out, or write smtp:// for STARTTLS")]
    TlsTwice,
    /// No encryption across a network.
    #[error(
        "tls=none would send codes in the clear: it is only for a relay on loopback (127.0.0.1, ::1, localhost); use tls=required"
    )]
    Unencrypted,
    /// `ca` without TLS, or empty.
    #[error("ca in --smtp must be the path of a PEM file, and has no meaning with tls=none")]
    Ca,
    /// `gmail` without its variables.
    #[error("--smtp gmail needs the environment variables EMAIL_USER and EMAIL_PASS (an app password)")]
    GmailLogin,
}

/// Reads a value of `--smtp`; `env` looks up environment variables.
///
/// # Errors
/// When it is not one of the documented forms.
pub fn parse_smtp(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<SmtpTarget, UriError> {
    let text = text.trim();
    if text == "gmail" {
        return gmail(env);
    }
    let url = Url::parse(text).map_err(|_| UriError::Form)?;
    let implicit = match url.scheme() {
        "smtp" => false,
        "smtps" => true,
        _ => return Err(UriError::Form),
    };
    let host = decode(url.host_str().unwrap_or_default())?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    if host.is_empty() {
        return Err(UriError::Form);
    }
    if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
        return Err(UriError::Path);
    }
    let parameters = Parameters::of(&url)?;
    let tls = tls_mode(implicit, parameters.tls.as_deref(), &host)?;
    if parameters.ca.is_some() && tls == TlsMode::None {
        return Err(UriError::Ca);
    }
    Ok(SmtpTarget {
        port: url.port().unwrap_or(if implicit { 465 } else { 587 }),
        credentials: login(&url)?,
        ca_file: parameters.ca.map(PathBuf::from),
        host,
        tls,
    })
}

fn gmail(env: &dyn Fn(&str) -> Option<String>) -> Result<SmtpTarget, UriError> {
    let variable = |name| env(name).filter(|value| !value.is_empty()).ok_or(UriError::GmailLogin);
    let user = variable("EMAIL_USER")?;
    let password = Zeroizing::new(variable("EMAIL_PASS")?);
    Ok(SmtpTarget {
        host: "smtp.gmail.com".to_owned(),
        port: 465,
        tls: TlsMode::Implicit,
        credentials: Some(Login { user, password }),
        ca_file: None,
    })
}

#[derive(Default)]
struct Parameters {
    tls: Option<String>,
    ca: Option<String>,
}

impl Parameters {
    fn of(url: &Url) -> Result<Self, UriError> {
        let mut found = Self::default();
        for pair in url.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or(UriError::Parameter)?;
            let place = match name {
                "tls" => &mut found.tls,
                "ca" => &mut found.ca,
                _ => return Err(UriError::Parameter),
            };
            if place.replace(decode(value)?).is_some() {
                return Err(UriError::Parameter);
            }
        }
        if found.ca.as_deref() == Some("") { Err(UriError::Ca) } else { Ok(found) }
    }
}

fn tls_mode(implicit: bool, tls: Option<&str>, host: &str) -> Result<TlsMode, UriError> {
    match (implicit, tls) {
        (true, None) => Ok(TlsMode::Implicit),
        (true, Some(_)) => Err(UriError::TlsTwice),
        (false, None | Some("required")) => Ok(TlsMode::Required),
        (false, Some("opportunistic")) => Ok(TlsMode::Opportunistic),
        (false, Some("none")) if is_loopback(host) => Ok(TlsMode::None),
        (false, Some("none")) => Err(UriError::Unencrypted),
        (false, Some(_)) => Err(UriError::TlsValue),
    }
}

/// Whether a host is this machine by its spelling. Nothing is resolved.
pub(super) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn login(url: &Url) -> Result<Option<Login>, UriError> {
    match (url.username(), url.password().unwrap_or_default()) {
        ("", "") => Ok(None),
        ("", _) | (_, "") => Err(UriError::HalfLogin),
        (user, password) => {
            let password = Zeroizing::new(decode(password)?);
            Ok(Some(Login { user: decode(user)?, password }))
        }
    }
}

/// Undoes percent-encoding (RFC 3986, section 2.1). A `+` is itself.
fn decode(text: &str) -> Result<String, UriError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit =
            || rest.next().and_then(|digit| char::from(digit).to_digit(16)).ok_or(UriError::Escape);
        let value = digit()? * 16 + digit()?;
        bytes.push(u8::try_from(value).map_err(|_| UriError::Escape)?);
    }
    String::from_utf8(bytes).map_err(|_| UriError::Escape)
}

#[cfg(test)]
mod tests;
