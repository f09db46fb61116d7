//! The flags of `serve` as typed, and their way to a [`Config`]: every problem is told at once.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use zeroize::Zeroizing;

use super::access::{KeyFlags, StateFlags};
use super::audit::AuditFlags;
use super::mail::MailFlags;
use super::problems::Problems;
use super::secret::CodeKeys;
use super::{AdminToken, Config, StateTarget, duration, secret, target};
use crate::telemetry::log::Format;
use crate::telemetry::otlp;

/// Flags of `otp-sidecar serve`.
#[derive(Debug, Args)]
pub struct ServeFlags {
    /// Where the wallet's traffic arrives (HTTP/1.1).
    #[arg(long, env = "OTP_SIDECAR_LISTEN", default_value = "0.0.0.0:7145", value_name = "ADDR")]
    pub listen: String,

    /// Where /metrics, /health, /livez and /readyz are; everything else there needs the admin token.
    #[arg(long, env = "OTP_SIDECAR_ADMIN_LISTEN", default_value = "127.0.0.1:9145", value_name = "ADDR")]
    pub admin_listen: String,

    /// A file with the admin token, at least 16 characters (openssl rand -hex 24). Without it, admin calls that show or change state are off.
    #[arg(long, env = "OTP_SIDECAR_ADMIN_TOKEN_FILE", value_name = "FILE")]
    pub admin_token_file: Option<PathBuf>,

    /// The wallet backend: http://127.0.0.1:3000 or unix:/run/wallet.sock.
    #[arg(long, env = "OTP_SIDECAR_UPSTREAM", value_name = "URL")]
    pub upstream: Option<String>,

    /// A policy file, or a folder of *.yaml. Reloaded when it changes.
    #[arg(long, env = "OTP_SIDECAR_POLICIES", default_value = "policies", value_name = "PATH")]
    pub policies: PathBuf,

    /// The state.
    #[command(flatten)]
    pub state: StateFlags,

    /// The mail relay.
    #[command(flatten)]
    pub mail: MailFlags,

    /// The keys of the codes.
    #[command(flatten)]
    pub keys: KeyFlags,

    /// How long a call of the store may take; then intercepted routes answer 503.
    #[arg(long, env = "OTP_SIDECAR_STORE_DEADLINE", default_value = "250ms", value_name = "TIME")]
    pub store_deadline: String,

    /// How long the backend may take to begin its answer; then 504.
    #[arg(long, env = "OTP_SIDECAR_UPSTREAM_TIMEOUT", default_value = "30s", value_name = "TIME")]
    pub upstream_timeout: String,

    /// How long connecting to the backend may take; then 502.
    #[arg(long, env = "OTP_SIDECAR_CONNECT_TIMEOUT", default_value = "1s", value_name = "TIME")]
    pub connect_timeout: String,

    /// How long a client may take to send the head of a request.
    #[arg(long, env = "OTP_SIDECAR_HEADER_TIMEOUT", default_value = "10s", value_name = "TIME")]
    pub header_timeout: String,

    /// How long requests in flight may go on after SIGTERM.
    #[arg(long, env = "OTP_SIDECAR_DRAIN", default_value = "25s", value_name = "TIME")]
    pub drain: String,

    /// How many client connections there may be.
    #[arg(long, env = "OTP_SIDECAR_MAX_CONNECTIONS", default_value_t = 10_000, value_name = "N")]
    pub max_connections: usize,

    /// The longest body on intercepted routes.
    #[arg(long, env = "OTP_SIDECAR_MAX_BODY", default_value = "64KiB", value_name = "SIZE")]
    pub max_body: String,

    /// How log lines look: json or pretty. The level is set by RUST_LOG.
    #[arg(long, env = "OTP_SIDECAR_LOG", default_value = "json", value_name = "FORMAT")]
    pub log: String,

    /// The audit log.
    #[command(flatten)]
    pub audit: AuditFlags,
}

impl ServeFlags {
    /// The flags of a sidecar that stands before the demo's parts: state in memory, defaults otherwise.
    #[cfg(feature = "demo")]
    pub fn for_demo(
        listen: String,
        admin_listen: String,
        upstream: String,
        policies: PathBuf,
        smtp: String,
    ) -> Self {
        let text = str::to_owned;
        Self {
            listen,
            admin_listen,
            admin_token_file: None,
            upstream: Some(upstream),
            policies,
            state: StateFlags::default(),
            mail: MailFlags {
                typed: super::typed::Typed::default(),
                smtp: Some(smtp),
                smtp_file: None,
                mail_from: Some(text("otp@wallet.example")),
            },
            keys: KeyFlags::default(),
            store_deadline: text("250ms"),
            upstream_timeout: text("30s"),
            connect_timeout: text("1s"),
            header_timeout: text("10s"),
            drain: text("5s"),
            max_connections: 1_000,
            max_body: text("64KiB"),
            log: text("pretty"),
            audit: AuditFlags::off(),
        }
    }
}

impl ServeFlags {
    /// Checks every flag. `env` reads other environment variables (`EMAIL_USER`, `EMAIL_PASS`, `OTEL_*`).
    ///
    /// # Errors
    /// One sentence for each flag that is wrong.
    pub fn check(self, env: &dyn Fn(&str) -> Option<String>) -> Result<Config, Vec<String>> {
        let mut problems = Problems::default();
        let p = &mut problems;
        let listen = p.take("listen", address(&self.listen));
        let admin_listen = p.take("admin-listen", address(&self.admin_listen));
        let admin_token = self
            .admin_token_file
            .as_deref()
            .and_then(|path| p.take("admin-token-file", secret::from_file(path).and_then(AdminToken::new)));
        let upstream = p.take(
            "upstream",
            self.upstream.as_deref().map_or_else(
                || Err("required: where is the wallet backend? For example http://127.0.0.1:3000".to_owned()),
                target::upstream,
            ),
        );
        let state = p.note(self.state.target()).map(|state| state.unwrap_or(StateTarget::Memory));
        let mail = self.mail.check(p, env);
        let keys = p.note(self.keys.text());
        let code_keys = keys.and_then(|keys| p.take("code-keys", check_keys(keys, state.as_ref())));
        let times = [
            ("store-deadline", &self.store_deadline),
            ("upstream-timeout", &self.upstream_timeout),
            ("connect-timeout", &self.connect_timeout),
            ("header-timeout", &self.header_timeout),
            ("drain", &self.drain),
        ]
        .map(|(flag, text)| p.take(flag, duration::duration(text)));
        let max_body = p.take("max-body", duration::size(&self.max_body));
        let log = p.take("log", log_format(&self.log));
        let audit = self.audit.check(p);
        let max_connections = p.take(
            "max-connections",
            if self.max_connections > 0 {
                Ok(self.max_connections)
            } else {
                Err("must be at least 1".to_owned())
            },
        );

        let tracing = otlp::settings::read(env).map_err(|wrong| p.0.extend(wrong)).ok();

        let complete = || {
            let [store_deadline, upstream_timeout, connect_timeout, header_timeout, drain] = times;
            Some(Config {
                listen: listen?,
                admin_listen: admin_listen?,
                admin_token,
                upstream: upstream?,
                policies: self.policies,
                state: state?,
                mail,
                code_keys: code_keys?,
                store_deadline: store_deadline?,
                upstream_timeout: upstream_timeout?,
                connect_timeout: connect_timeout?,
                header_timeout: header_timeout?,
                drain: drain?,
                max_connections: max_connections?,
                max_body: max_body?,
                log: log?,
                audit,
                tracing: tracing?,
            })
        };
        match complete() {
            Some(config) if problems.0.is_empty() => Ok(config),
            _ => Err(problems.0),
        }
    }
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is no address: write an IP address and a port, such as 0.0.0.0:7145"))
}

fn log_format(text: &str) -> Result<Format, String> {
    match text {
        "json" => Ok(Format::Json),
        "pretty" => Ok(Format::Pretty),
        _ => Err(format!("`{text}` is no format: write json or pretty")),
    }
}

fn check_keys(keys: Option<Zeroizing<String>>, state: Option<&StateTarget>) -> Result<CodeKeys, String> {
    match (keys, state) {
        (Some(text), _) => secret::code_keys(&text),
        (None, Some(StateTarget::Redis(_))) => {
            Err("required with Redis, because every replica needs the same keys. Make one with: \
             echo \"k1:$(openssl rand -base64 32)\""
                .to_owned())
        }
        (None, _) => Ok(Vec::new()),
    }
}
