//! `otp-sidecar explain DECISION_ID`.

use std::io::Write as _;

use serde_json::{Value, json};

use super::{ExplainFlags, live, log, names, story};
use crate::app::host::SystemClock;
use crate::cli::document::{flag, list, number, text};
use crate::cli::ending::Ending;
use crate::cli::moment;
use crate::cli::output::{Screen, Tone, visible};
use crate::domain::id::RequestId;
use crate::domain::time::{Clock as _, Timestamp};
use crate::telemetry::audit::reader::{AuditLine, ReadReport};

/// Everything that is known of one decision.
struct Explained {
    decision: AuditLine,
    followed: Vec<AuditLine>,
    live: Option<Value>,
    problem: Option<String>,
    report: ReadReport,
}

/// Explains one decision.
pub(super) fn run(id: &str, flags: ExplainFlags) -> anyhow::Result<Ending> {
    anyhow::ensure!(!flags.log.is_empty(), "where is the decision told? Give the audit log (--log FILE)");
    let id = RequestId::parse(id.trim()).map_err(|problem| anyhow::anyhow!("a decision id {problem}"))?;
    let mut lines = Vec::new();
    let report = log::read(&flags.log, |line| {
        if line.decision_id.as_deref() == Some(id.as_str()) {
            lines.push(line);
        }
    })?;
    let place = lines.iter().position(|line| line.event == "decision");
    let Some(decision) = place.map(|place| lines.remove(place)) else {
        anyhow::bail!("{}", unknown(&id, &report));
    };
    let subject = flags.subject.clone().or_else(|| {
        let form = decision.subject.as_deref()?;
        names::behind(form).map(|subject| subject.as_str().to_owned())
    });
    let (live, problem) = match (&subject, &decision.subject) {
        (Some(subject), _) => match live(flags.access, subject) {
            Ok(live) => (Some(live), None),
            Err(problem) => (None, Some(format!("{problem:#}"))),
        },
        (None, Some(_)) => {
            (None, Some("the log hides the person: give --subject to see how they stand now".to_owned()))
        }
        (None, None) => (None, None),
    };
    let explained = Explained { decision, followed: lines, live, problem, report };
    let mut screen = Screen::new(flags.output);
    if screen.is_json() {
        screen.json(&explained.to_json())?;
    } else {
        explained.print(&mut screen)?;
    }
    screen.flush()?;
    explained.remark();
    Ok(Ending::Fine)
}

fn unknown(id: &RequestId, report: &ReadReport) -> String {
    let span = |at: Option<Timestamp>| at.map(moment::shown).unwrap_or_default();
    let lost = log::remark(report).map(|remark| format!(" {remark}")).unwrap_or_default();
    format!(
        "no decision {id} in {} lines from {} to {} UTC: is it older, or of another replica's log?{lost}",
        report.lines,
        span(report.from),
        span(report.to)
    )
}

impl Explained {
    fn story(&self, now: Timestamp) -> Vec<String> {
        let mut story = story::decided(&self.decision, now);
        story.extend(self.followed.iter().filter_map(story::followed));
        story
    }

    fn now(&self) -> Timestamp {
        let told = self.live.as_ref().and_then(|live| moment::of(live, "at"));
        told.unwrap_or_else(|| SystemClock.now())
    }

    fn to_json(&self) -> Value {
        json!({
            "decision": self.decision,
            "followed": self.followed,
            "story": self.story(self.now()),
            "now": self.live.as_ref().map(|live| standing(&self.decision, live)),
            "live": self.live,
            "liveProblem": self.problem,
            "log": log::to_json(&self.report),
        })
    }

    fn print(&self, screen: &mut Screen) -> std::io::Result<()> {
        for sentence in self.story(self.now()) {
            screen.line(&visible(&sentence))?;
        }
        if let Some(live) = &self.live {
            screen.title("Now")?;
            for sentence in standing(&self.decision, live) {
                screen.line(&visible(&sentence))?;
            }
        }
        Ok(())
    }

    /// What a reader should know about the answer, beside it.
    fn remark(&self) {
        let remarks = [self.problem.clone(), log::remark(&self.report)];
        for remark in remarks.into_iter().flatten() {
            // Nobody can be told when standard error is closed.
            let _closed = writeln!(std::io::stderr(), "{}", visible(&remark));
        }
    }
}

/// Whether what refused then would refuse now.
fn standing(decision: &AuditLine, live: &Value) -> Vec<String> {
    let now = moment::of(live, "at").unwrap_or_default();
    let mut told = Vec::new();
    for account in list(live, "purposes") {
        let name = text(account, "purpose");
        if decision.purpose.as_deref().is_some_and(|purpose| purpose != name) {
            continue;
        }
        told.push(if flag(account, "disabled") {
            format!("{name}: disabled until an operator clears it.")
        } else if let Some(until) = moment::of(account, "lockedUntil") {
            format!("{name}: locked until {} UTC.", moment::beside(until, now))
        } else {
            format!("{name}: not locked, {} failures.", number(account, "failures"))
        });
    }
    let limit = decision.rule.as_deref().and_then(|rule| rule.strip_prefix("limits."));
    for usage in list(live, "limits").iter().filter(|usage| Some(text(usage, "limit")) == limit) {
        let (used, max) = (number(usage, "used"), number(usage, "max"));
        let room = match moment::of(usage, "opensAt") {
            Some(opens) => format!("full until {} UTC", moment::beside(opens, now)),
            None => "has room again".to_owned(),
        };
        told.push(format!("Limit `{}`: {used} of {max}, {room}.", text(usage, "limit")));
    }
    if let Some(policy) = decision.policy.as_deref().filter(|policy| *policy != text(live, "policy")) {
        told.push(format!("The policy was {policy} then and is {} now.", text(live, "policy")));
    }
    told
}

/// The tone of an outcome.
pub(super) fn tone(outcome: &str) -> Tone {
    match outcome {
        "allowed" => Tone::Good,
        "failed" => Tone::Bad,
        _ => Tone::Warn,
    }
}
