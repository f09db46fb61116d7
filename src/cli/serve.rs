//! `otp-sidecar serve`.

use std::io::Write as _;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use crate::app::App;
use crate::config::Config;
use crate::config::flags::ServeFlags;
use crate::telemetry::log;

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar serve --upstream http://127.0.0.1:3000 \\
      --smtp 'smtp://user:password@smtp.example.com:587' --mail-from otp@example.com
  otp-sidecar serve --upstream unix:/run/wallet.sock --state redis://redis:6379/0 \\
      --code-keys-file /etc/otp/code-keys --smtp gmail --policies /etc/otp/policies

Traces are sent by OTLP (HTTP, protobuf) when OTEL_EXPORTER_OTLP_ENDPOINT is set, such as
http://collector:4318. OTEL_TRACES_SAMPLER and the other standard variables are in docs/tracing.md.";

/// Runs until SIGTERM or SIGINT.
pub(super) fn run(flags: ServeFlags) -> ExitCode {
    let config = match flags.check(&|name| std::env::var(name).ok()) {
        Ok(config) => config,
        Err(problems) => return refuse(&problems),
    };
    log::start(config.log);
    let code = serve(config);
    log::finish();
    code
}

fn serve(config: Config) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&[format!("the system gives no runtime: {error}")]),
    };
    runtime.block_on(async {
        let app = match App::prepare(config) {
            Ok(app) => app,
            Err(error) => return refuse(&[format!("{error:#}")]),
        };
        match app.run(asked_to_stop()).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!(error = format!("{error:#}"), "stopped by a failure");
                ExitCode::FAILURE
            }
        }
    })
}

/// Completes at SIGTERM or SIGINT; never, if the system lets neither be watched. They are watched from
/// this call on, not from the first poll: nothing may be told to be ready that would die of them.
pub(super) fn asked_to_stop() -> impl Future<Output = ()> {
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async {
        match signals {
            (Ok(mut terminate), Ok(mut interrupt)) => {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            }
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(error = %error, "signals cannot be watched: stop this process by SIGKILL");
                std::future::pending::<()>().await;
            }
        }
    }
}

/// Says on standard error why nothing was started.
fn refuse(problems: &[String]) -> ExitCode {
    let mut out = std::io::stderr().lock();
    for problem in problems {
        // Nobody can be told when standard error is closed.
        let _closed = writeln!(out, "error: {problem}");
    }
    ExitCode::from(2)
}
