//! `--upstream` and `--state` → what they point at.

use super::StateTarget;
use crate::proxy::target::Target;

/// Reads `http://host:port` or `unix:/path`.
///
/// # Errors
/// A sentence that says what to write.
pub fn upstream(text: &str) -> Result<Target, String> {
    let expected = "write http://127.0.0.1:3000 or unix:/run/wallet.sock";
    if let Some(path) = text.strip_prefix("unix:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if !path.starts_with('/') {
            return Err(format!("`{text}` has no absolute path: {expected}"));
        }
        return Ok(Target::Unix(path.into()));
    }
    if text.contains('@') {
        // Not repeated: what stands before the `@` may be a password.
        return Err(format!(
            "this has a user name, which a backend in the same pod has no use for: {expected}"
        ));
    }
    if text.starts_with("https://") {
        return Err(format!(
            "`{text}` would speak TLS to a backend in the same pod, which is not supported: {expected}"
        ));
    }
    let url =
        url::Url::parse(text).map_err(|problem| format!("`{text}` is no URL ({problem}): {expected}"))?;
    let has_more = !matches!(url.path(), "" | "/") || url.query().is_some();
    match (url.scheme(), url.host_str()) {
        ("http", Some(_)) if has_more => Err(format!("`{text}` has more than a host and a port: {expected}")),
        ("http", Some(host)) => Ok(Target::Tcp {
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: url.port_or_known_default().unwrap_or(80),
        }),
        _ => Err(format!("`{text}` is no backend: {expected}")),
    }
}

/// Reads `memory` or the URL of a Redis. Never repeats the URL: it may hold a password.
///
/// # Errors
/// A sentence that says what to write.
pub fn state(text: &str) -> Result<StateTarget, String> {
    let expected = "write memory, redis://host:6379/0, rediss://host:6380/0 or redis+unix:///run/redis.sock";
    if text == "memory" {
        return Ok(StateTarget::Memory);
    }
    match text.split_once(':').map(|(scheme, _)| scheme) {
        Some("redis" | "rediss" | "redis+unix") => Ok(StateTarget::Redis(text.to_owned())),
        Some("redis-sentinel") => Err(format!("redis-sentinel is not supported yet: {expected}")),
        Some("redis-cluster") => Err(format!("redis-cluster is not supported yet: {expected}")),
        _ => Err(format!("this names no store: {expected}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_a_host_and_port_or_a_socket() {
        assert!(matches!(upstream("http://127.0.0.1:3000"), Ok(Target::Tcp { port: 3000, .. })));
        assert!(matches!(upstream("http://wallet/"), Ok(Target::Tcp { port: 80, .. })));
        assert!(matches!(upstream("http://[::1]:3000"), Ok(Target::Tcp { host, .. }) if host == "::1"));
        assert!(
            matches!(upstream("unix:/run/w.sock"), Ok(Target::Unix(path)) if path.to_str() == Some("/run/w.sock"))
        );
        for bad in
            ["", "127.0.0.1:3000", "https://w", "http://w/api", "unix:w.sock", "ftp://w", "http://u:p@w/"]
        {
            assert!(upstream(bad).is_err(), "{bad:?} was taken");
        }
        assert!(!upstream("https://u:hunter2@w/").unwrap_err().contains("hunter2"));
    }

    #[test]
    fn what_comes_later_is_refused_by_its_name_and_no_password_is_repeated() {
        assert!(state("redis-sentinel://a").unwrap_err().contains("redis-sentinel"));
        assert!(state("redis-cluster://a").unwrap_err().contains("redis-cluster"));
        assert!(!state("postgres://u:hunter2@a").unwrap_err().contains("hunter2"));
        assert_eq!(state("memory"), Ok(StateTarget::Memory));
    }
}
