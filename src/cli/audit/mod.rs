//! `otp-sidecar audit`: the operations guide's monthly security audit, against a running deployment.
//!
//! Each group of checks is a file. A check says what it saw and what to do, and never shows a code or a token.

mod admin;
mod authentication;
mod certificate;
mod cors;
mod disclosure;
mod limits;
mod logs;
mod scan;
mod show;
mod spelling;
mod spellings;
mod transport;
mod validation;
mod world;

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};

use self::world::{Checks, World};
use super::ending::Ending;
use super::output::{OutputFlags, Progress, Screen};
use super::wire::{Call, Target, token};
use super::without_secrets;
use crate::config::duration::duration;

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar audit --target https://api.example.com --policies /etc/otp/policies
  otp-sidecar audit --target https://staging.example.com --token-file token --yes-send --yes-lock \\
      --admin http://staging.example.com:9145 --logs /var/log/wallet/*.log*
  otp-sidecar audit --target http://127.0.0.1:7145 --only authentication,spellings --json

This is an examination of a deployment. `otp-sidecar serve --audit` is something else: the log of decisions.

It sends some 1,500 requests without a token, or with made-up ones, so that for a minute this address may be
refused with 429 for bad tokens. With the token of a test account it uses up that account's limits too. It sends
real mails only with --yes-send, and locks the test account only with --yes-lock.

Ends with 0 when nothing failed, 1 when something did, 2 when it could not run.";

/// Flags of `otp-sidecar audit`.
#[derive(Debug, Args)]
pub(super) struct AuditFlags {
    /// The deployment, as its clients call it.
    #[arg(long, value_name = "URL")]
    target: String,

    /// The policies that it runs [default: the policies that the sidecar ships with].
    #[arg(long, env = "OTP_SIDECAR_POLICIES", value_name = "PATH")]
    policies: Option<PathBuf>,

    /// The admin listener, as seen from where this runs. It must not be reachable from outside.
    #[arg(long, value_name = "URL")]
    admin: Option<String>,

    /// The token of a test account; more is examined with it.
    #[arg(long, env = "OTP_SIDECAR_TEST_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    token: Option<String>,

    /// A file with what --token would say.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Log files to look for codes and tokens in, also compressed (.gz).
    #[arg(long, value_name = "FILE", num_args = 1..)]
    logs: Vec<PathBuf>,

    /// Only these groups.
    #[arg(long, value_enum, value_name = "GROUP", value_delimiter = ',')]
    only: Vec<Group>,

    /// All but these groups.
    #[arg(long, value_enum, value_name = "GROUP", value_delimiter = ',', conflicts_with = "only")]
    skip: Vec<Group>,

    /// Allow what sends real mails to the test account, until its limit binds.
    #[arg(long)]
    yes_send: bool,

    /// Allow wrong codes until the test account is locked.
    #[arg(long)]
    yes_lock: bool,

    /// How many requests may be sent before a limit must have bound.
    #[arg(long, default_value_t = 100, value_name = "N")]
    most: u32,

    /// How long one request may take.
    #[arg(long, default_value = "10s", value_name = "TIME")]
    timeout: String,

    /// The authorities to trust instead of the system's, in PEM.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    #[command(flatten)]
    output: OutputFlags,
}

/// A group of checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Group {
    /// Encryption: TLS, certificate, HSTS.
    Transport,
    /// Nothing is answered without a valid token.
    Authentication,
    /// Bad requests are refused.
    Validation,
    /// No versions, no caching.
    Disclosure,
    /// What browsers of other origins may read.
    Cors,
    /// Hundreds of spellings of the protected paths do not get through.
    Spellings,
    /// The admin listener is not reachable from outside.
    Admin,
    /// Limits and the lock bind.
    Limits,
    /// No codes and no tokens in log files.
    Logs,
}

/// In this order: what uses limits up comes late.
const GROUPS: [Group; 9] = [
    Group::Transport,
    Group::Disclosure,
    Group::Cors,
    Group::Validation,
    Group::Authentication,
    Group::Spellings,
    Group::Admin,
    Group::Limits,
    Group::Logs,
];

impl Group {
    fn name(self) -> &'static str {
        match self {
            Self::Transport => "transport",
            Self::Authentication => "authentication",
            Self::Validation => "validation",
            Self::Disclosure => "disclosure",
            Self::Cors => "cors",
            Self::Spellings => "spellings",
            Self::Admin => "admin",
            Self::Limits => "limits",
            Self::Logs => "logs",
        }
    }
}

/// Examines the deployment.
pub(super) fn run(flags: &AuditFlags) -> anyhow::Result<Ending> {
    let limit = duration(&flags.timeout).map_err(|problem| anyhow::anyhow!("--timeout: {problem}"))?;
    let token = token(flags.token.as_deref(), flags.token_file.as_deref())?;
    let target = Target::new(&flags.target, flags.ca.as_deref(), limit).context("--target")?;
    let admin = flags.admin.as_deref();
    let admin =
        admin.map(|url| Target::new(url, flags.ca.as_deref(), limit).context("--admin")).transpose()?;
    let policy = match &flags.policies {
        Some(path) => without_secrets::load(path)?,
        None => without_secrets::shipped()?,
    };
    if flags.most == 0 {
        bail!("--most must be at least 1");
    }
    let world = World {
        target: &target,
        policy: &policy,
        admin: admin.as_ref(),
        token: token.as_ref().map(|token| token.as_str()),
        logs: &flags.logs,
        yes_send: flags.yes_send,
        yes_lock: flags.yes_lock,
        most: flags.most,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("the system gives no runtime")?;
    let checks = runtime.block_on(examine(&world, flags))?;
    let mut screen = Screen::new(flags.output);
    let is_fine = show::report(&mut screen, &flags.target, checks.all())?;
    Ok(Ending::of(!is_fine))
}

async fn examine(world: &World<'_>, flags: &AuditFlags) -> anyhow::Result<Checks> {
    let wanted =
        |group: &Group| (flags.only.is_empty() || flags.only.contains(group)) && !flags.skip.contains(group);
    let groups: Vec<Group> = GROUPS.into_iter().filter(wanted).collect();
    if groups.iter().any(|group| *group != Group::Logs) {
        // One request first: an audit of nothing must not pass.
        let call = Call::new(http::Method::GET, "/");
        world.target.call(call).await.context("the target cannot be reached")?;
    }
    let mut progress = Progress::new();
    let mut checks = Checks::default();
    for group in groups {
        checks.begin(group.name());
        progress.tell(|| format!("{} …", group.name()));
        match group {
            Group::Transport => transport::check(world, &mut checks).await,
            Group::Authentication => authentication::check(world, &mut checks).await,
            Group::Validation => validation::check(world, &mut checks).await,
            Group::Disclosure => disclosure::check(world, &mut checks).await,
            Group::Cors => cors::check(world, &mut checks).await,
            Group::Spellings => spellings::check(world, &mut checks, &mut progress).await,
            Group::Admin => admin::check(world, &mut checks).await,
            Group::Limits => limits::check(world, &mut checks).await,
            Group::Logs => logs::check(world, &mut checks)?,
        }
    }
    Ok(checks)
}
