//! `otp-sidecar smoke`: the operations guide's end-to-end check with a test account.

mod code;
mod flow;
mod show;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;

use super::ending::Ending;
use super::output::{OutputFlags, Progress, Screen};
use super::wire::{Target, email_of, token};
use crate::config::duration::duration;

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar smoke --target https://staging.example.com --token-file token \\
      --code-command 'fetch-code --mailbox test@example.com --since \"$SMOKE_REQUESTED_AT\"'
  otp-sidecar smoke --target http://127.0.0.1:7145 --token \"$TOKEN\" --amount 1000 \\
      --code-command 'cat /tmp/code' --check-times --json

It funds the test account, waits for the mail, verifies the code, tries it once more and looks at the balance.
The code command runs in a shell, again and again, until it prints a code. It finds SMOKE_REFERENCE,
SMOKE_PURPOSE, SMOKE_EMAIL and SMOKE_REQUESTED_AT (RFC 3339, UTC) in its environment.

Ends with 0 when every step passed, 1 when one failed, 2 when it could not begin.";

/// Flags of `otp-sidecar smoke`.
#[derive(Debug, Args)]
pub(super) struct SmokeFlags {
    /// The wallet, as its clients call it.
    #[arg(long, value_name = "URL")]
    target: String,

    /// The test account's token.
    #[arg(long, env = "OTP_SIDECAR_TEST_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    token: Option<String>,

    /// A file with what --token would say.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// The test account's address [default: the claim `email` of the token].
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,

    /// How much to fund.
    #[arg(long, default_value_t = 1_000, value_name = "AMOUNT")]
    amount: u64,

    /// What the code is for.
    #[arg(long, default_value = "wallet_funding", value_name = "PURPOSE")]
    purpose: String,

    /// A command that prints the code that was mailed.
    #[arg(long, value_name = "COMMAND")]
    code_command: String,

    /// How long the mail may take.
    #[arg(long, default_value = "60s", value_name = "TIME")]
    timeout: String,

    /// How long one request may take.
    #[arg(long, default_value = "10s", value_name = "TIME")]
    request_timeout: String,

    /// The authorities to trust instead of the system's, in PEM.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Call it a finding when fund takes over 500 ms, status over 100 ms or verify over 200 ms.
    #[arg(long)]
    check_times: bool,

    #[command(flatten)]
    wallet: WalletFlags,

    #[command(flatten)]
    output: OutputFlags,
}

/// How the wallet spells its paths and fields.
#[derive(Debug, Args)]
#[command(next_help_heading = "Paths and fields of the wallet")]
struct WalletFlags {
    /// Where funding begins.
    #[arg(long, default_value = "/api/wallet/fund", value_name = "PATH")]
    fund_path: String,

    /// Where a code is verified.
    #[arg(long, default_value = "/api/wallet/verify-otp", value_name = "PATH")]
    verify_path: String,

    /// Where the state of a code is told.
    #[arg(long, default_value = "/api/wallet/otp/status", value_name = "PATH")]
    status_path: String,

    /// Where the balance is told.
    #[arg(long, default_value = "/api/wallet/balance", value_name = "PATH")]
    balance_path: String,

    /// The reference in the answer to fund; dots lead into objects.
    #[arg(long, default_value = "transactionReference", value_name = "FIELD")]
    reference_field: String,

    /// The balance in its answer.
    #[arg(long, default_value = "balance", value_name = "FIELD")]
    balance_field: String,

    /// The code in the request to verify.
    #[arg(long, default_value = "otp", value_name = "FIELD")]
    code_name: String,

    /// The reference in the request to verify.
    #[arg(long, default_value = "transaction_reference", value_name = "FIELD")]
    reference_name: String,
}

/// Checks the wallet.
pub(super) fn run(flags: &SmokeFlags) -> anyhow::Result<Ending> {
    let within = |name: &str, text: &str| -> anyhow::Result<Duration> {
        duration(text).map_err(|problem| anyhow::anyhow!("--{name}: {problem}"))
    };
    let patience = within("timeout", &flags.timeout)?;
    let limit = within("request-timeout", &flags.request_timeout)?;
    let token = token(flags.token.as_deref(), flags.token_file.as_deref())?;
    let Some(token) = token else {
        bail!("whose wallet? Give the test account's token with --token-file or --token");
    };
    let target = Target::new(&flags.target, flags.ca.as_deref(), limit).context("--target")?;
    let email = flags.email.clone().or_else(|| email_of(&token));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("the system gives no runtime")?;
    let account = flow::Account { token: &token, email: email.as_deref() };
    let flow = flow::Flow { flags, target: &target, account, patience };
    let steps = runtime.block_on(flow.run(&mut Progress::new()))?;
    let mut screen = Screen::new(flags.output);
    let is_fine = show::report(&mut screen, flags, &steps)?;
    Ok(Ending::of(!is_fine))
}
