//! What `inject` is told.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Flags of `otp-sidecar inject`.
#[derive(Debug, Args)]
pub(in crate::cli) struct InjectFlags {
    /// Manifests; `-` or nothing reads standard input.
    #[arg(value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,

    /// Take the sidecar out again.
    #[arg(long)]
    pub(super) uninject: bool,

    /// Show what would change, instead of the result. Exits with 1 if something would.
    #[arg(long)]
    pub(super) diff: bool,

    /// The object that runs the wallet, such as wallet or deployment/wallet [default: the only one].
    #[arg(long, value_name = "NAME")]
    pub(super) workload: Option<String>,

    /// The wallet's container [default: the only one].
    #[arg(long, value_name = "NAME")]
    pub(super) container: Option<String>,

    /// The port that the wallet listens on [default: the one that the Service sends to, or the container's only one].
    #[arg(long, value_name = "PORT")]
    pub(super) port: Option<u16>,

    /// An environment variable of the wallet that binds it to loopback, such as HOST=127.0.0.1. Its HTTP
    /// probes then go through the sidecar. Repeat it for more.
    #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
    pub(super) backend_env: Vec<(String, String)>,

    #[command(flatten)]
    pub(super) settings: Settings,
}

/// What the sidecar's container is made of.
#[derive(Debug, Clone, Args)]
pub(super) struct Settings {
    /// The sidecar's image. No registry has it: build it, and name yours.
    #[arg(long, default_value = concat!("otp-sidecar:", env!("CARGO_PKG_VERSION")))]
    pub(super) image: String,

    /// The ConfigMap with the policies.
    #[arg(long, default_value = "otp-sidecar-policies", value_name = "NAME")]
    pub(super) policies: String,

    /// A ConfigMap with the texts of mails.
    #[arg(long, value_name = "NAME")]
    pub(super) templates: Option<String>,

    /// Its keys, each a file name.
    #[arg(
        long,
        value_name = "FILE,…",
        value_delimiter = ',',
        default_value = "wallet_deduction.html,wallet_deduction.txt,wallet_funding.html,wallet_funding.txt"
    )]
    pub(super) template_files: Vec<String>,

    /// The Secret with the keys state, code-keys, smtp, admin-token and jwt-secret.
    #[arg(long, default_value = "otp-sidecar", value_name = "NAME")]
    pub(super) secret: String,

    /// Where state is kept: at the URL in the Secret, or in memory (one replica, lost at a restart).
    #[arg(long, value_enum, default_value_t = State::Secret)]
    pub(super) state: State,

    /// The sender of mails. `serve` does not start without one, unless the relay is Gmail.
    #[arg(long, value_name = "ADDRESS")]
    pub(super) mail_from: Option<String>,

    /// Where audit lines go: stdout, or a file on a volume of the pod [default: nowhere].
    #[arg(long, value_name = "PATH|stdout", value_parser = destination)]
    pub(super) audit: Option<String>,

    /// The volume of the pod that the file of --audit is on. Its folder is mounted into the sidecar.
    #[arg(long, value_name = "NAME", requires = "audit")]
    pub(super) audit_volume: Option<String>,

    /// Where the wallet's traffic arrives.
    #[arg(long, default_value_t = 7145, value_name = "PORT")]
    pub(super) listen_port: u16,

    /// Where metrics and health are.
    #[arg(long, default_value_t = 9145, value_name = "PORT")]
    pub(super) admin_port: u16,

    /// A native sidecar: an init container that goes on running (Kubernetes 1.29), or one container more.
    #[arg(long = "native-sidecar", default_value_t = true, action = clap::ArgAction::Set, value_name = "BOOL")]
    pub(super) is_native: bool,

    /// How many seconds it takes until nobody sends new connections to a pod that is going.
    #[arg(long, default_value_t = 5, value_name = "SECONDS")]
    pub(super) pause: u64,
}

/// Where state is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum State {
    /// At the URL in the Secret.
    Secret,
    /// In the process.
    Memory,
}

impl Settings {
    /// The folder of the audit file; nothing where there is none.
    pub(super) fn audit_folder(&self) -> Option<&str> {
        self.audit.as_deref()?.rsplit_once('/').map(|(folder, _)| folder)
    }
}

/// `stdout`, or a file in a folder that a volume may take the place of.
fn destination(text: &str) -> Result<String, String> {
    let is_own = |folder: &str| format!("{folder}/").starts_with("/etc/otp-sidecar/");
    match text.rsplit_once('/') {
        None if text == "stdout" => Ok(text.to_owned()),
        Some((folder, file)) if folder.len() > 1 && folder.starts_with('/') && !file.is_empty() => {
            if is_own(folder) {
                return Err("policies and secrets are mounted there: use another folder".to_owned());
            }
            Ok(text.to_owned())
        }
        _ => {
            Err("write stdout, or a file in a folder of its own, such as /var/log/otp/audit.jsonl".to_owned())
        }
    }
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE, such as HOST=127.0.0.1".to_owned()),
    }
}
