//! What somebody should look at after a period, by the thresholds of the operations guide where it has one.

use std::time::Duration;

use super::DayReport;
use super::coverage::Coverage;
use super::quantile::share;
use super::summary::Summary;
use crate::domain::finding::{Finding, counted, percent};
use crate::domain::ledger::day::Day;

/// Fewer issued codes that were used than this are too few (the guide's monthly review: 90 %).
pub const LEAST_SUCCESS: f64 = 0.90;

/// More compared codes that were wrong than this are too many (the guide's alert: 30 %).
pub const MOST_WRONG: f64 = 0.30;

/// Of fewer compared codes nothing is said.
pub const LEAST_COMPARED: u64 = 20;

/// 95 of 100 mails are with the relay within this time (the guide: a mail arrives within a minute).
pub const MAIL_IN_TIME: Duration = Duration::from_secs(60);

/// More mails that were given up than this are too many: the objective in the alerts.
pub const MOST_LOST: f64 = 0.01;

/// More locks for each issued code than this are too many.
pub const MOST_LOCKS: f64 = 0.05;

/// A success rate that falls by more than this is told.
pub const LARGEST_FALL: f64 = 0.05;

/// What the difference of two rates may be off by.
const SLIGHTEST: f64 = 1e-9;

/// Numbers that stay below this in both periods are not compared.
pub const LEAST_COMPARABLE: u64 = 20;

/// A number that grows more than so many times, or shrinks as much, is told.
pub const LARGEST_FACTOR: u64 = 2;

/// What findings are made from.
pub struct Seen<'a> {
    /// The period.
    pub summary: &'a Summary,
    /// Its days.
    pub days: &'a [DayReport],
    /// The period before, if anything is known of it.
    pub before: Option<&'a Summary>,
}

/// Everything worth a look: problems first.
pub fn findings(seen: &Seen<'_>) -> Vec<Finding> {
    let summary = seen.summary;
    let mut found: Vec<Finding> = [
        low_success(summary),
        many_wrong(summary),
        slow_mail(summary),
        lost_mail(summary),
        many_locks(summary),
        left_out(summary),
    ]
    .into_iter()
    .flatten()
    .collect();
    found.extend(gaps(seen));
    found.extend(seen.before.map(|before| changes(summary, before)).unwrap_or_default());
    found.sort_by_key(|finding| finding.weight);
    found
}

fn low_success(summary: &Summary) -> Option<Finding> {
    let codes = summary.codes;
    let rate = codes.success_rate().filter(|rate| *rate < LEAST_SUCCESS)?;
    let message = format!(
        "Only {} of the issued codes were used ({} of {}); {} is the least to expect.",
        percent(rate),
        codes.verified,
        codes.issued,
        percent(LEAST_SUCCESS)
    );
    let advice = "Look whether mails arrive in time and whether codes live long enough; a code that was asked for \
                  again counts as one that was not used.";
    Some(Finding::problem("low_success_rate", message, advice).see("OTPVerificationBudgetBurnSlow"))
}

fn many_wrong(summary: &Summary) -> Option<Finding> {
    let codes = summary.codes;
    let wrong = share(codes.compared.saturating_sub(codes.verified), codes.compared)?;
    let is_much = codes.compared >= LEAST_COMPARED && wrong > MOST_WRONG;
    is_much.then(|| {
        let message = format!(
            "{} of the {} compared codes did not pass; {} is the most to expect.",
            percent(wrong),
            codes.compared,
            percent(MOST_WRONG)
        );
        let advice = "Find out whether somebody guesses, or whether good codes are refused.";
        Finding::problem("many_wrong_codes", message, advice).see("HighOTPFailureRate")
    })
}

fn slow_mail(summary: &Summary) -> Option<Finding> {
    let p95 = summary.mail.times.p95?;
    let is_slow = p95.at_most.is_none() || p95.estimate > MAIL_IN_TIME;
    is_slow.then(|| {
        let message = format!(
            "Five of 100 mails took {} {} s or longer to reach the relay; {} s is the most to expect.",
            if p95.at_most.is_none() { "more than" } else { "about" },
            p95.estimate.as_secs(),
            MAIL_IN_TIME.as_secs()
        );
        let advice = "Look which failures made mails wait, and whether the relay limits how much it takes.";
        Finding::problem("slow_mail", message, advice).see("OTPMailBudgetBurnSlow")
    })
}

fn lost_mail(summary: &Summary) -> Option<Finding> {
    let rate = summary.mail.loss_rate().filter(|rate| *rate > MOST_LOST)?;
    let message = format!(
        "{} given up ({}); {} is the most to expect.",
        counted(summary.mail.lost(), "mail"),
        percent(rate),
        percent(MOST_LOST)
    );
    let advice = "Look at the reasons: wrong addresses come from the wallet, everything else from the relay.";
    Some(Finding::problem("lost_mail", message, advice).see("OTPMailBudgetBurnSlow"))
}

fn many_locks(summary: &Summary) -> Option<Finding> {
    let codes = summary.codes;
    let rate = codes.lock_rate().filter(|rate| *rate > MOST_LOCKS)?;
    let message = format!(
        "{} began, {} for each 100 issued codes; {} is the most to expect.",
        counted(codes.locked, "lock"),
        format_args!("{:.1}", rate * 100.0),
        MOST_LOCKS * 100.0
    );
    let advice =
        "See who is locked most often and from where (otp-sidecar locks top), and whether it is an attack.";
    Some(Finding::problem("many_locks", message, advice).see("OTPLockSpike"))
}

fn left_out(summary: &Summary) -> Option<Finding> {
    (summary.left_out > 0).then(|| {
        let message = format!("{} left out: the numbers are too low.", counted(summary.left_out, "count"));
        let advice =
            "Look when the state was away for long, and whether names in the policies change all the time.";
        Finding::problem("counts_left_out", message, advice).see("OTPStoreErrors")
    })
}

/// Days and hours of which nothing is known. Before the very first counts there is nothing to miss.
fn gaps(seen: &Seen<'_>) -> Vec<Finding> {
    let has_data = |day: &DayReport| day.coverage != Coverage::None;
    let advice = "Nothing of that time is in the numbers: find out whether a sidecar ran, and whether it reached its state.";
    let Some(first) = seen.days.iter().position(has_data) else {
        let message = "Nothing is known of any of these days.".to_owned();
        return vec![Finding::problem("no_data", message, advice).see("OTPSidecarAbsent")];
    };
    let mut found = Vec::new();
    let (_, rest) = seen.days.split_at(first);
    let is_beginning = seen.before.is_none();
    if let Some(day) = seen.days.get(first).filter(|_| is_beginning && first > 0) {
        let message = format!("Counting began on {}: nothing is known of the time before.", day.day);
        let advice = "The averages by day are of the days that are known.";
        found.push(Finding::remark("counting_began", message, advice));
    }
    let missed = if is_beginning { rest } else { seen.days };
    let days: Vec<Day> = missed.iter().filter(|day| !has_data(day)).map(|day| day.day).collect();
    if !days.is_empty() {
        let message = format!("Nothing is known of {}: {}.", counted(days.len() as u64, "day"), runs(&days));
        found.push(Finding::problem("days_without_data", message, advice).see("OTPSidecarAbsent"));
    }
    let hours: Vec<String> = missed
        .iter()
        .enumerate()
        // The day on which counting began has hours before it did.
        .filter(|(place, _)| !(is_beginning && *place == 0))
        .filter_map(|(_, day)| match &day.coverage {
            Coverage::Without(hours) => Some(format!("{} ({} h)", day.day, hours.len())),
            _ => None,
        })
        .collect();
    if !hours.is_empty() {
        let message = format!("Hours are missing on {}.", shortened(&hours));
        found.push(Finding::problem("hours_without_data", message, advice).see("OTPSidecarDown"));
    }
    found
}

/// `2026-11-03 to 2026-11-05, 2026-11-09`.
fn runs(days: &[Day]) -> String {
    let mut runs: Vec<(Day, Day)> = Vec::new();
    for day in days {
        match runs.last_mut().filter(|(_, last)| last.next() == *day) {
            Some((_, last)) => *last = *day,
            None => runs.push((*day, *day)),
        }
    }
    let told: Vec<String> = runs
        .iter()
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first} to {last}") })
        .collect();
    shortened(&told)
}

/// The first five, and how many more there are.
fn shortened(parts: &[String]) -> String {
    let shown: Vec<&str> = parts.iter().take(5).map(String::as_str).collect();
    let more = parts.len().saturating_sub(shown.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// Whether a rate is lower by more than the largest fall; what only rounding adds is none.
fn has_fallen(was: f64, now: f64) -> bool {
    was - now > LARGEST_FALL + SLIGHTEST
}

/// What is much different from the period before.
fn changes(now: &Summary, before: &Summary) -> Vec<Finding> {
    let mut found = Vec::new();
    if let (Some(rate), Some(was)) = (now.codes.success_rate(), before.codes.success_rate()) {
        let comparable = now.codes.issued >= LEAST_COMPARABLE && before.codes.issued >= LEAST_COMPARABLE;
        if comparable && has_fallen(was, rate) {
            let message = format!("The success rate fell from {} to {}.", percent(was), percent(rate));
            let advice = "Look what was changed since: a policy, the relay, the wallet.";
            found.push(Finding::problem("success_rate_fell", message, advice).see("HighOTPFailureRate"));
        }
    }
    let grows = [
        ("locks_grew", "Locks", now.codes.locked, before.codes.locked, "OTPLockSpike"),
        (
            "limit_hits_grew",
            "Refusals by limits",
            now.limit_hits(),
            before.limit_hits(),
            "OTPRateLimitExceeded",
        ),
        (
            "mail_failures_grew",
            "Failed mail attempts",
            now.mail.failures(),
            before.mail.failures(),
            "OTPEmailDeliveryFailing",
        ),
    ];
    for (word, what, now, before, runbook) in grows {
        if now >= LEAST_COMPARABLE && now > before.saturating_mul(LARGEST_FACTOR) {
            let message = format!("{what} went up from {before} to {now}.");
            let advice = "See on which days, and who or what was behind it.";
            found.push(Finding::problem(word, message, advice).see(runbook));
        }
    }
    let (issued, was) = (now.codes.issued, before.codes.issued);
    let is_far = issued.max(was) >= LEAST_COMPARABLE
        && issued.max(was) > issued.min(was).saturating_mul(LARGEST_FACTOR);
    if is_far {
        let message = format!("{} issued, after {was} in the period before.", counted(issued, "code"));
        let advice = "See whether that is what was expected.";
        found.push(Finding::remark("codes_changed", message, advice));
    }
    found
}
