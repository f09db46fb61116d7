//! The check itself, step by step. A step that fails ends it, unless the next ones do not need it.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};

use super::SmokeFlags;
use super::code::{self, Asked};
use crate::app::host::SystemClock;
use crate::cli::output::Progress;
use crate::cli::wire::{Answer, Call, Target};
use crate::domain::code::Code;
use crate::domain::id::Reference;
use crate::domain::time::Clock as _;

/// What every step is called, in order.
const STEPS: [&str; 7] = ["account", "fund", "status", "mail", "verify", "reuse", "balance"];

/// Whose wallet it is.
pub(super) struct Account<'a> {
    pub(super) token: &'a str,
    pub(super) email: Option<&'a str>,
}

/// A check, about to begin.
pub(super) struct Flow<'a> {
    pub(super) flags: &'a SmokeFlags,
    pub(super) target: &'a Target,
    pub(super) account: Account<'a>,
    pub(super) patience: Duration,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As it should.
    Passed,
    /// Not as it should.
    Failed,
    /// It was not reached.
    Skipped,
}

/// A step, done or not.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) name: &'static str,
    pub(super) result: Verdict,
    pub(super) took: Option<Duration>,
    pub(super) seen: String,
    pub(super) advice: Option<&'static str>,
}

/// What a step saw, and how long the wallet took.
struct Seen<T>(T, Duration, String);

/// Why a step failed, and what to do.
struct Wrong(String, &'static str, Duration);

#[derive(Default)]
struct Steps(Vec<Done>);

impl Steps {
    fn take<T>(&mut self, name: &'static str, outcome: Result<Seen<T>, Wrong>) -> Option<T> {
        match outcome {
            Ok(Seen(value, took, seen)) => {
                self.0.push(Done { name, result: Verdict::Passed, took: Some(took), seen, advice: None });
                Some(value)
            }
            Err(Wrong(seen, advice, took)) => {
                let advice = Some(advice);
                self.0.push(Done { name, result: Verdict::Failed, took: Some(took), seen, advice });
                None
            }
        }
    }

    /// With the steps that were not reached.
    fn all(mut self) -> Vec<Done> {
        for name in STEPS.into_iter().skip(self.0.len()) {
            let seen = String::new();
            self.0.push(Done { name, result: Verdict::Skipped, took: None, seen, advice: None });
        }
        self.0
    }
}

impl Flow<'_> {
    /// Goes through the steps.
    ///
    /// # Errors
    /// When the wallet cannot be reached at all.
    pub(super) async fn run(&self, progress: &mut Progress) -> anyhow::Result<Vec<Done>> {
        let mut steps = Steps::default();
        let first = self.ask(Method::GET, &self.flags.wallet.balance_path, None).await?;
        let Some(before) = steps.take("account", self.balance(first)) else { return Ok(steps.all()) };
        progress.tell(|| "funding …".to_owned());
        let requested_at = SystemClock.now().to_iso8601();
        let Some(reference) = steps.take("fund", self.fund().await) else { return Ok(steps.all()) };
        // Also when it fails, the mail may come.
        let _told = steps.take("status", self.status().await);
        progress.tell(|| "waiting for the mail …".to_owned());
        let code = self.mail(&reference, &requested_at).await;
        let Some(code) = steps.take("mail", code) else { return Ok(steps.all()) };
        let Some(()) = steps.take("verify", self.verify(&reference, &code).await) else {
            return Ok(steps.all());
        };
        let _refused = steps.take("reuse", self.reuse(&reference, &code).await);
        let _grown = steps.take("balance", self.grown(before).await);
        Ok(steps.all())
    }

    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Answer> {
        let call = Call::new(method, path).token(Some(self.account.token));
        let call = match &body {
            Some(body) => call.json(body),
            None => call,
        };
        self.target.call(call).await
    }

    /// The same, where a wallet that cannot be reached any more is a failure of the step.
    async fn asked(&self, method: Method, path: &str, body: Option<Value>) -> Result<Answer, Wrong> {
        let begun = Instant::now();
        self.ask(method, path, body).await.map_err(|error| {
            Wrong(format!("{error:#}"), "The wallet answered before: look at its log.", begun.elapsed())
        })
    }

    fn balance(&self, answer: Answer) -> Result<Seen<f64>, Wrong> {
        if answer.status == 401 || answer.status == 403 {
            let advice = "The token is not accepted: is it for this environment, and has it not expired?";
            return Err(Wrong(answer.summary(), advice, answer.took));
        }
        let balance = answer.field(&self.flags.wallet.balance_field).as_ref().and_then(number);
        match balance.filter(|_| answer.status.is_success()) {
            Some(balance) => Ok(Seen(balance, answer.took, format!("balance {balance}"))),
            None => Err(Wrong(
                format!("{} without a number in `{}`", answer.summary(), self.flags.wallet.balance_field),
                "Name path and field of the balance with --balance-path and --balance-field.",
                answer.took,
            )),
        }
    }

    async fn fund(&self) -> Result<Seen<String>, Wrong> {
        let mut body = json!({ "amount": self.flags.amount });
        if let (Some(email), Some(fields)) = (self.account.email, body.as_object_mut()) {
            fields.insert("email".to_owned(), json!(email));
        }
        let answer = self.asked(Method::POST, &self.flags.wallet.fund_path, Some(body)).await?;
        let wrong = |seen: String, advice| Err(Wrong(seen, advice, answer.took));
        if !answer.status.is_success() {
            return wrong(answer.summary(), refusal(&answer));
        }
        let field = &self.flags.wallet.reference_field;
        let Some(reference) = answer.field(field).as_ref().and_then(Value::as_str).map(str::to_owned) else {
            return wrong(
                format!("the answer has no `{field}`"),
                "Name the field with --reference-field, and in the policy under `issue.reference`.",
            );
        };
        // The code command runs in a shell, and gets it: nothing else than a reference may reach that.
        if let Err(problem) = Reference::parse(&reference) {
            return wrong(
                format!("`{field}` in the answer {problem}"),
                "The sidecar makes no code for such a reference. Does --reference-field name the right field?",
            );
        }
        if answer.field("otpSent") != Some(json!(true)) {
            return wrong(
                "the answer does not say that a code was sent (`otpSent`)".to_owned(),
                "Is the sidecar in front of this path? Its log tells with the decision why no code was made.",
            );
        }
        Ok(Seen(reference.clone(), answer.took, reference))
    }

    async fn status(&self) -> Result<Seen<()>, Wrong> {
        let path = format!("{}?purpose={}", self.flags.wallet.status_path, self.flags.purpose);
        let answer = self.asked(Method::GET, &path, None).await?;
        let is = |name: &str, value: bool| answer.field(name) == Some(json!(value));
        if answer.status.is_success() && is("exists", true) && is("isValid", true) && is("isLocked", false) {
            let left = answer.field("expiresIn").unwrap_or_default();
            return Ok(Seen((), answer.took, format!("a code is pending for {left} s more")));
        }
        let advice = if is("isLocked", true) {
            "The test account is locked: wait, or let an operator clear the lock."
        } else {
            "The code is not known to the sidecar that was asked: do all replicas share one state?"
        };
        Err(Wrong(answer.summary(), advice, answer.took))
    }

    async fn mail(&self, reference: &str, requested_at: &str) -> Result<Seen<Code>, Wrong> {
        let begun = Instant::now();
        let email = self.account.email.unwrap_or_default();
        let asked = Asked { reference, purpose: &self.flags.purpose, email, requested_at };
        match code::wait_for(&self.flags.code_command, &asked, self.patience).await {
            Ok(code) => {
                let digits = code.expose().len();
                Ok(Seen(code, begun.elapsed(), format!("a code of {digits} digits")))
            }
            Err(problem) => {
                let advice =
                    "Look whether the mail left: otp-sidecar mail test, and email_service in /health.";
                Err(Wrong(problem, advice, begun.elapsed()))
            }
        }
    }

    async fn present(&self, reference: &str, code: &Code) -> Result<Answer, Wrong> {
        let wallet = &self.flags.wallet;
        let mut body = serde_json::Map::new();
        body.insert(wallet.code_name.clone(), json!(code.expose()));
        body.insert(wallet.reference_name.clone(), json!(reference));
        self.asked(Method::POST, &wallet.verify_path, Some(Value::Object(body))).await
    }

    async fn verify(&self, reference: &str, code: &Code) -> Result<Seen<()>, Wrong> {
        let answer = self.present(reference, code).await?;
        if answer.status.is_success() {
            return Ok(Seen((), answer.took, "accepted".to_owned()));
        }
        let advice = match answer.word().as_deref() {
            Some("otp_invalid") => {
                "Did the command print the code of an older mail? It finds the time in SMOKE_REQUESTED_AT."
            }
            Some(_) => refusal(&answer),
            None => "The code was right, and the wallet refused: look at its log.",
        };
        Err(Wrong(answer.summary(), advice, answer.took))
    }

    async fn reuse(&self, reference: &str, code: &Code) -> Result<Seen<()>, Wrong> {
        let answer = self.present(reference, code).await?;
        if answer.status.is_client_error() && answer.status != 404 {
            return Ok(Seen((), answer.took, format!("refused with {}", answer.summary())));
        }
        let advice = if answer.status.is_success() {
            "The same code passed twice: is the sidecar in front of this path, and do all replicas share one state?"
        } else {
            "A used code must be refused with 400; look at the log."
        };
        Err(Wrong(answer.summary(), advice, answer.took))
    }

    async fn grown(&self, before: f64) -> Result<Seen<()>, Wrong> {
        let answer = self.asked(Method::GET, &self.flags.wallet.balance_path, None).await?;
        let took = answer.took;
        let Seen(after, ..) = self.balance(answer)?;
        let amount = self.flags.amount;
        // Wallets that count in fractions may be off by less than the smallest coin.
        if (after - before - amount as f64).abs() < 0.005 {
            return Ok(Seen((), took, format!("{before} → {after}")));
        }
        let seen = format!("{before} → {after} instead of {amount} more");
        Err(Wrong(seen, "The code was accepted, and the money is not there: look at the wallet's log.", took))
    }
}

/// A number, also one that is written as text.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

/// What to do about a refusal of the sidecar.
fn refusal(answer: &Answer) -> &'static str {
    match (answer.word().as_deref(), answer.status.as_u16()) {
        (Some("locked" | "disabled"), _) => {
            "The test account is locked: wait, or let an operator clear the lock."
        }
        (Some("rate_limited"), _) => "The test account is over a limit: wait as long as Retry-After says.",
        (Some("state_unavailable"), _) => "The sidecar does not reach its state: look at /health.",
        (Some("identity_unavailable"), _) => "The sidecar has no keys to check tokens with: look at its log.",
        (Some("upstream_unavailable" | "upstream_timeout"), _) => "The sidecar does not reach the wallet.",
        (Some("unauthorized"), _) | (_, 401) => {
            "The token is not accepted: is it for this environment, and has it not expired?"
        }
        (_, 404) => "Is the path right? Name it with --fund-path, --verify-path and --status-path.",
        _ => "Look at the log; the sidecar's lines carry the decision's id.",
    }
}
