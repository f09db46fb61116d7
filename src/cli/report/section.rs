//! The parts of a report, as tables: what text, Markdown and HTML have in common.

use super::figures::{NONE, average, change, hour, longer, number, points, quantile, rate};
use crate::cli::moment;
use crate::domain::ledger::counts::{MAILED_WITHIN, VERIFIED_WITHIN};
use crate::domain::report::coverage::Coverage;
use crate::domain::report::quantile::Times;
use crate::domain::report::summary::{Codes, Summary};
use crate::domain::report::{DayReport, Report};
use std::time::Duration;

/// How many reasons are told.
const TOP: usize = 10;

/// How percentiles come about; told wherever they are.
pub(super) const ABOUT_QUANTILES: &str = "Times are counted in buckets. The 95th percentile is interpolated within its \
     bucket as Prometheus does it; its upper bound is what is sure.";

/// Which part it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Overview,
    Purposes,
    Reasons,
    Refusals,
    Limits,
    Errors,
    Hours,
    Verification,
    Delivery,
    MailFailures,
    Days,
}

/// One part.
#[derive(Debug, Clone)]
pub(super) struct Section {
    pub(super) kind: Kind,
    pub(super) title: &'static str,
    pub(super) note: &'static str,
    pub(super) head: Vec<&'static str>,
    /// The first cell names the row; the others are numbers.
    pub(super) rows: Vec<Vec<String>>,
}

/// The title of the report.
pub(super) fn title(report: &Report) -> String {
    let period = report.question.period;
    match period.as_month() {
        Some(month) => format!("One-time codes in {month}"),
        None if period.first() == period.last() => format!("One-time codes on {}", period.first()),
        None => format!("One-time codes from {} to {}", period.first(), period.last()),
    }
}

/// What the report is about, in sentences.
pub(super) fn about(report: &Report) -> Vec<String> {
    let read = moment::shown(report.at);
    let mut about = vec![if report.is_complete() {
        format!("Counted by days in UTC. Read on {read} UTC.")
    } else {
        format!("Counted by days in UTC. Not over yet: these are the numbers of {read} UTC.")
    }];
    about.extend(report.question.purpose.as_ref().map(|purpose| {
        format!(
            "Only codes for {purpose}. Mails, limits, hours and other refusals are of all purposes together."
        )
    }));
    about.push(match report.summary_before {
        Some(_) => format!("Compared with {} to {}.", report.before.first(), report.before.last()),
        None => format!(
            "Nothing is known of {} to {}, so there is nothing to compare with.",
            report.before.first(),
            report.before.last()
        ),
    });
    about
}

/// All parts that have rows.
pub(super) fn sections(report: &Report) -> Vec<Section> {
    let summary = &report.summary;
    let all = vec![
        overview(report),
        purposes(summary),
        listed(
            Kind::Reasons,
            "Why verifications were refused",
            vec!["Reason", "Verifications"],
            summary.reasons.iter().map(|(reason, n)| (reason.as_str().to_owned(), *n)),
        ),
        refusals(summary),
        listed(
            Kind::Limits,
            "Limits that refused requests",
            vec!["Limit", "Requests"],
            summary.limits.iter().map(|(limit, n)| (limit.to_string(), *n)),
        ),
        listed(Kind::Errors, "Errors", vec!["Error", "Times"], summary.errors.iter().cloned()),
        hours(summary),
        histogram(
            Kind::Verification,
            "From the code's issue to its success",
            &VERIFIED_WITHIN,
            &summary.verification,
        ),
        histogram(Kind::Delivery, "Until the relay took a mail", &MAILED_WITHIN, &summary.mail.times),
        mail_failures(summary),
        days(report),
    ];
    all.into_iter().filter(|section| !section.rows.is_empty()).collect()
}

fn overview(report: &Report) -> Section {
    let (now, before) = (&report.summary, report.summary_before.as_ref());
    let mut rows = Vec::new();
    let mut count = |name: &str, of: fn(&Summary) -> u64| {
        let was = before.map(of);
        let change = was.map_or_else(|| NONE.to_owned(), |was| change(was, of(now)));
        rows.push(vec![
            name.to_owned(),
            number(of(now)),
            was.map_or_else(|| NONE.to_owned(), number),
            change,
        ]);
    };
    count("Codes issued", |s| s.codes.issued);
    count("Codes compared", |s| s.codes.compared);
    count("Codes verified", |s| s.codes.verified);
    count("Codes not verified", |s| s.codes.not_verified());
    count("Verifications refused", |s| s.codes.failed);
    count("Locks", |s| s.codes.locked);
    count("Refused by limits", |s| s.limit_hits());
    count("Mails accepted", |s| s.mail.accepted);
    count("Mail attempts failed", |s| s.mail.failures());
    count("Mails given up", |s| s.mail.lost());
    let mut share = |place: usize, name: &str, of: fn(Codes) -> Option<f64>| {
        let (now, was) = (of(now.codes), before.and_then(|before| of(before.codes)));
        rows.insert(place, vec![name.to_owned(), rate(now), rate(was), points(was, now)]);
    };
    share(0, "Success rate (verified of issued)", Codes::success_rate);
    share(1, "Right of compared", Codes::right_rate);
    share(8, "Locks for each issued code", Codes::lock_rate);
    let mut time = |place: usize, name: &str, of: fn(&Summary) -> &Times| {
        let (now, was) = (of(now), before.map(of));
        let was_average = was.and_then(|was| was.average);
        let row = [average(now.average), average(was_average), longer(was_average, now.average)];
        rows.insert(place, [vec![format!("{name}: average")], row.to_vec()].concat());
        let (estimate, was) = (now.p95.map(|p95| p95.estimate), was.and_then(|was| was.p95));
        let row = [quantile(now.p95), quantile(was), longer(was.map(|p95| p95.estimate), estimate)];
        rows.insert(place + 1, [vec![format!("{name}: 95th percentile")], row.to_vec()].concat());
    };
    time(13, "Until the relay took a mail", |s| &s.mail.times);
    time(7, "From sending to verification", |s| &s.verification);
    let peak = |summary: &Summary| {
        let told = |(at, codes): (usize, u64)| format!("{}, {} codes", hour(at), number(codes));
        summary.peak_hour().map_or_else(|| NONE.to_owned(), told)
    };
    let was = before.map_or_else(|| NONE.to_owned(), peak);
    rows.insert(9, vec!["Busiest hour of the day (UTC)".to_owned(), peak(now), was, String::new()]);
    let head = vec!["", "This period", "Before", "Change"];
    Section { kind: Kind::Overview, title: "Overview", note: ABOUT_QUANTILES, head, rows }
}

fn purposes(summary: &Summary) -> Section {
    let row = |name: &str, codes: Codes| {
        let counts = [codes.issued, codes.compared, codes.verified, codes.failed, codes.locked];
        let counts = counts.map(number).to_vec();
        [vec![name.to_owned()], counts, vec![rate(codes.success_rate())]].concat()
    };
    let rows = summary.purposes.iter().map(|(purpose, codes)| row(purpose.as_str(), *codes)).collect();
    let head = vec!["Purpose", "Issued", "Compared", "Verified", "Refused", "Locks", "Success rate"];
    Section { kind: Kind::Purposes, title: "By purpose", note: "", head, rows }
}

fn listed(
    kind: Kind,
    title: &'static str,
    head: Vec<&'static str>,
    numbers: impl Iterator<Item = (String, u64)>,
) -> Section {
    let rows = numbers.take(TOP).map(|(name, n)| vec![name, number(n)]).collect();
    Section { kind, title, note: "", head, rows }
}

fn refusals(summary: &Summary) -> Section {
    let top = summary.refusals.iter().take(TOP);
    let rows = top.map(|(route, reason, n)| vec![format!("{route}: {}", reason.as_str()), number(*n)]);
    Section {
        kind: Kind::Refusals,
        title: "Requests that did not get what they asked for",
        note: "",
        head: vec!["Route and reason", "Requests"],
        rows: rows.collect(),
    }
}

fn hours(summary: &Summary) -> Section {
    let is_quiet = summary.peak_hour().is_none();
    let all = summary.hours.iter().enumerate().filter(|_| !is_quiet);
    let rows = all.map(|(at, codes)| vec![hour(at), number(*codes)]).collect();
    let head = vec!["Hour (UTC)", "Codes issued"];
    Section { kind: Kind::Hours, title: "By hour of the day", note: "", head, rows }
}

/// The words for the buckets of a histogram: up to each bound, and beyond the last.
pub(super) fn buckets(bounds: &[u64]) -> Vec<String> {
    let shown = |millis: &u64| super::figures::lasting(Duration::from_millis(*millis));
    let up_to = bounds.iter().map(|bound| format!("up to {}", shown(bound)));
    up_to.chain(bounds.last().map(|last| format!("more than {}", shown(last)))).collect()
}

fn histogram(kind: Kind, title: &'static str, bounds: &[u64], times: &Times) -> Section {
    let total: u64 = times.buckets.iter().fold(0, |sum, n| sum.saturating_add(*n));
    let mut below = 0_u64;
    let all = buckets(bounds).into_iter().zip(&times.buckets).filter(|_| total > 0);
    let rows = all.map(|(name, n)| {
        below = below.saturating_add(*n);
        vec![name, number(*n), rate(Some(below as f64 / total as f64))]
    });
    Section { kind, title, note: "", rows: rows.collect(), head: vec!["Time", "Number", "Within this time"] }
}

fn mail_failures(summary: &Summary) -> Section {
    let given_up = |word: &str| {
        let found = summary.mail.given_up.iter().find(|(other, _)| other == word);
        found.map_or(0, |(_, number)| *number)
    };
    let failed = summary.mail.failed.iter();
    let rows = failed.map(|(word, n)| vec![word.clone(), number(*n), number(given_up(word))]).collect();
    let head = vec!["Reason", "Attempts", "Given up"];
    Section { kind: Kind::MailFailures, title: "Why mails failed", note: "", head, rows }
}

fn days(report: &Report) -> Section {
    let head = vec![
        "Day",
        "Issued",
        "Compared",
        "Verified",
        "Success rate",
        "Refused",
        "Locks",
        "By limits",
        "Mails",
        "Failed",
        "Data",
    ];
    let rows = report.days.iter().map(day).collect();
    Section { kind: Kind::Days, title: "By day", note: "", head, rows }
}

fn day(day: &DayReport) -> Vec<String> {
    let name = day.day.to_string();
    let summary = &day.summary;
    if day.coverage == Coverage::None {
        let nothing = std::iter::repeat_n(NONE.to_owned(), 9);
        return std::iter::once(name).chain(nothing).chain(["none".to_owned()]).collect();
    }
    let data = match &day.coverage {
        Coverage::Without(hours) => format!("{} h missing", hours.len()),
        coverage => coverage.as_str().to_owned(),
    };
    vec![
        name,
        number(summary.codes.issued),
        number(summary.codes.compared),
        number(summary.codes.verified),
        rate(summary.codes.success_rate()),
        number(summary.codes.failed),
        number(summary.codes.locked),
        number(summary.limit_hits()),
        number(summary.mail.accepted),
        number(summary.mail.failures()),
        data,
    ]
}
