//! `otp-sidecar demo`: everything in one process, shown step by step.

use std::io::{IsTerminal as _, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::serve::asked_to_stop;
use crate::app::App;
use crate::app::host::{OsEntropy, SystemClock};
use crate::config::flags::ServeFlags;
use crate::domain::code::Entropy as _;
use crate::domain::id::hex;
use crate::lab::mailbox::{self, Mailbox};
use crate::lab::walk::{self, Walk, Walked};
use crate::lab::wallet::{self, WalletSettings};

/// The policies that the sidecar ships with, so that the demo needs no files.
const POLICY: &str = include_str!("../../policies/default.yaml");
const MAILS: [(&str, &str); 4] = [
    ("wallet_funding.txt", include_str!("../../policies/templates/wallet_funding.txt")),
    ("wallet_funding.html", include_str!("../../policies/templates/wallet_funding.html")),
    ("wallet_deduction.txt", include_str!("../../policies/templates/wallet_deduction.txt")),
    ("wallet_deduction.html", include_str!("../../policies/templates/wallet_deduction.html")),
];

/// How the shipped policy names the wallet's secret, and so what the demo puts its own file in place of.
const SHIPPED_KEY: &str = "{ env: JWT_SECRET }";

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "correct horse battery staple";

/// Flags of `otp-sidecar demo`.
#[derive(Debug, Args)]
pub(super) struct DemoFlags {
    /// End after the walk, with 0 if every step went as it should and 1 otherwise.
    #[arg(long)]
    once: bool,

    /// Where the wallet's traffic arrives [with --once: a free port].
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
}

/// Shows the demo.
pub(super) fn run(flags: &DemoFlags) -> ExitCode {
    let shown = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the system gives no runtime")
        .and_then(|runtime| runtime.block_on(show(flags)));
    match shown {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody can be told when standard error is closed.
            let _closed = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn show(flags: &DemoFlags) -> anyhow::Result<()> {
    crate::telemetry::log::quiet();
    let folder = Scratch::make()?;
    let secret = folder.write_policies()?;
    let wallet = wallet::start(
        TcpListener::bind("127.0.0.1:0").await?,
        WalletSettings {
            jwt_secret: secret.into_bytes(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
        },
    )?;
    let mailbox = mailbox::start(TcpListener::bind("127.0.0.1:0").await?)?;
    let app = prepare(flags, folder.path(), wallet.addr(), &mailbox)?;
    let (sidecar, admin) = (app.traffic_addr()?, app.admin_addr()?);
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(app.run(async {
        let _dropped = stopped.await;
    }));

    let colour = std::io::stdout().is_terminal();
    let walk = Walk { sidecar, mailbox: &mailbox, email: EMAIL, password: PASSWORD, colour };
    let walked = walk::run(walk, &mut std::io::stdout()).await;
    if let (Ok(walked), false) = (&walked, flags.once) {
        stay(sidecar, admin, walked, &mailbox, colour).await?;
    }
    let _gone = stop.send(());
    running.await.context("the sidecar failed")??;
    walked?;
    Ok(())
}

fn prepare(flags: &DemoFlags, policies: &Path, wallet: SocketAddr, mailbox: &Mailbox) -> anyhow::Result<App> {
    let listen = match (flags.listen, flags.once) {
        (Some(listen), _) => listen.to_string(),
        (None, true) => "127.0.0.1:0".to_owned(),
        (None, false) => "127.0.0.1:7145".to_owned(),
    };
    let admin = if flags.once { "127.0.0.1:0" } else { "127.0.0.1:9145" };
    let flags = ServeFlags::for_demo(
        listen,
        admin.to_owned(),
        format!("http://{wallet}"),
        policies.to_owned(),
        format!("smtp://{}?tls=none", mailbox.addr()),
    );
    let config = flags.check(&|_| None).map_err(|problems| anyhow::anyhow!(problems.join("\n")))?;
    App::prepare(config)
}

/// Keeps everything up for the reader to try, and shows the mails that arrive.
async fn stay(
    sidecar: SocketAddr,
    admin: SocketAddr,
    walked: &Walked,
    mailbox: &Mailbox,
    colour: bool,
) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{}", by_hand(sidecar, admin, &walked.token))?;
    let stop = asked_to_stop();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return Ok(()),
            mail = mailbox.next_mail() => walk::show_mail(&mail, colour, &mut out)?,
        }
    }
}

fn by_hand(sidecar: SocketAddr, admin: SocketAddr, token: &str) -> String {
    format!(
        "\nEverything stays up. Try it by hand in a second terminal; mails appear here. Ctrl-C ends it.
CODE is in the mail, REFERENCE in the answer to fund. Three wrong codes lock; three codes a minute are the most.

  TOKEN={token}
  curl -s http://{sidecar}/api/wallet/fund -H \"Authorization: Bearer $TOKEN\" \\
    -H 'Content-Type: application/json' -d '{{\"amount\": 5000, \"email\": \"{EMAIL}\"}}'
  curl -s http://{sidecar}/api/wallet/verify-otp -H \"Authorization: Bearer $TOKEN\" \\
    -H 'Content-Type: application/json' -d '{{\"otp\": \"CODE\", \"transaction_reference\": \"REFERENCE\"}}'
  curl -s http://{sidecar}/api/wallet/otp/send -H \"Authorization: Bearer $TOKEN\" \\
    -H 'Content-Type: application/json' -d '{{\"purpose\": \"wallet_funding\", \"email\": \"{EMAIL}\"}}'
  curl -s 'http://{sidecar}/api/wallet/otp/status?purpose=wallet_funding' -H \"Authorization: Bearer $TOKEN\"
  curl -s http://{sidecar}/api/wallet/balance -H \"Authorization: Bearer $TOKEN\"
  curl -s http://{admin}/health
  curl -s http://{admin}/metrics | grep ^otp_
"
    )
}

/// A folder for the demo's policies, removed on drop.
struct Scratch(PathBuf);

impl Scratch {
    fn make() -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("otp-sidecar-demo-{}", random_hex()));
        std::fs::create_dir_all(path.join("templates"))
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }

    /// Writes the shipped policies, with a secret of the demo's own; gives the secret.
    fn write_policies(&self) -> anyhow::Result<String> {
        let secret = random_hex();
        let key = self.0.join("jwt.key");
        std::fs::write(&key, &secret)?;
        anyhow::ensure!(POLICY.contains(SHIPPED_KEY), "the shipped policy names its key in another way");
        let policy = POLICY.replace(SHIPPED_KEY, &format!("{{ file: {} }}", key.display()));
        std::fs::write(self.0.join("default.yaml"), policy)?;
        for (name, mail) in MAILS {
            std::fs::write(self.0.join("templates").join(name), mail)?;
        }
        Ok(secret)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed stays in the system's temporary folder.
        let _left_behind = std::fs::remove_dir_all(&self.0);
    }
}

fn random_hex() -> String {
    let mut bytes = [0_u8; 32];
    OsEntropy.fill(&mut bytes);
    hex(&bytes)
}
