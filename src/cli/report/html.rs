//! A report as one HTML page with charts, which needs nothing else: no scripts, no fonts, no network.

use anyhow::Context as _;
use minijinja::{AutoEscape, Environment, Value, context};

use super::chart::{Axis, Chart, Series};
use super::figures::{average, number, quantile, rate};
use super::section::{Kind, Section, about, buckets, sections, title};
use crate::cli::finding::path;
use crate::domain::ledger::counts::{MAILED_WITHIN, VERIFIED_WITHIN};
use crate::domain::report::coverage::Coverage;
use crate::domain::report::findings::LEAST_SUCCESS;
use crate::domain::report::quantile::Times;
use crate::domain::report::summary::Summary;
use crate::domain::report::{DayReport, Report};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");

/// The page.
///
/// # Errors
/// Never for a page that its test has rendered.
pub(super) fn page(report: &Report) -> anyhow::Result<String> {
    let mut parts = sections(report);
    // What most people look for, after the overview.
    parts.sort_by_key(|part| !matches!(part.kind, Kind::Overview | Kind::Days));
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let page = environment.render_str(
        PAGE,
        context! {
            style => Value::from_safe_string(STYLE.to_owned()),
            title => title(report),
            about => about(report),
            version => env!("CARGO_PKG_VERSION"),
            tiles => tiles(report),
            findings => findings(report),
            sections => parts.iter().map(|part| section(part, report)).collect::<Vec<_>>(),
        },
    );
    page.context("the page could not be written")
}

/// The few numbers that most people look for.
fn tiles(report: &Report) -> Vec<Value> {
    let Summary { codes, verification, mail, .. } = &report.summary;
    let tile = |name: &str, value: String, more: String| context! { name, value, more };
    vec![
        tile(
            "Success rate",
            rate(codes.success_rate()),
            format!("{} of {} codes", number(codes.verified), number(codes.issued)),
        ),
        tile(
            "From sending to verification",
            average(verification.average),
            format!("95th percentile {}", quantile(verification.p95)),
        ),
        tile(
            "Until the relay took a mail",
            average(mail.times.average),
            format!("95th percentile {}", quantile(mail.times.p95)),
        ),
        tile("Locks", number(codes.locked), format!("{} for each issued code", rate(codes.lock_rate()))),
    ]
}

fn findings(report: &Report) -> Vec<Value> {
    let one = |finding: &crate::domain::finding::Finding| {
        context! {
            weight => finding.weight.as_str(),
            message => &finding.message,
            advice => finding.advice,
            runbook => finding.runbook.map(path),
        }
    };
    report.findings.iter().map(one).collect()
}

fn section(section: &Section, report: &Report) -> Value {
    let charts: Vec<Value> = charts(section.kind, report)
        .into_iter()
        .map(|(chart, svg)| {
            let keys: Vec<Value> =
                chart.series.iter().map(|one| context! { name => one.name, class => one.class }).collect();
            context! { title => chart.title, svg => Value::from_safe_string(svg), keys }
        })
        .collect();
    context! {
        title => section.title,
        note => section.note,
        head => section.head.clone(),
        rows => section.rows.clone(),
        folded => !charts.is_empty() && section.rows.len() > 12,
        charts,
    }
}

fn charts(kind: Kind, report: &Report) -> Vec<(Chart, String)> {
    match kind {
        Kind::Days => by_day(&report.days),
        Kind::Hours => vec![by_hour(&report.summary)],
        Kind::Verification => {
            vec![histogram(
                "verification",
                "From the code's issue to its success",
                &VERIFIED_WITHIN,
                &report.summary.verification,
            )]
        }
        Kind::Delivery => {
            vec![histogram(
                "delivery",
                "Until the relay took a mail",
                &MAILED_WITHIN,
                &report.summary.mail.times,
            )]
        }
        _ => Vec::new(),
    }
}

fn by_day(days: &[DayReport]) -> Vec<(Chart, String)> {
    let labels: Vec<String> = days.iter().map(|day| day.day.to_string()).collect();
    let of = |of: &dyn Fn(&Summary) -> Option<f64>| -> Vec<Option<f64>> {
        days.iter().map(|day| of(&day.summary).filter(|_| day.coverage != Coverage::None)).collect()
    };
    let series = |name, class, values| Series { name, class, values };
    let codes = Chart {
        id: "codes",
        title: "Codes by day",
        description: "Bars of the codes that were issued, and before them of those that were verified. Hatched days have no data."
            .to_owned(),
        labels: labels.clone(),
        series: vec![
            series("issued", "issued", of(&|s| Some(s.codes.issued as f64))),
            series("verified", "verified", of(&|s| Some(s.codes.verified as f64))),
        ],
        axis: Axis::Numbers,
        nested: true,
    };
    let success = Chart {
        id: "success",
        title: "Success rate by day",
        description: "A line of the share of issued codes that were verified, and a dashed line at the least to expect."
            .to_owned(),
        labels: labels.clone(),
        series: vec![series("success rate", "verified", of(&|s| s.codes.success_rate()))],
        axis: Axis::Shares(LEAST_SUCCESS),
        nested: true,
    };
    let refused = Chart {
        id: "refused",
        title: "Refusals by day",
        description: "Bars of the requests that limits refused, and beside them of the locks that began."
            .to_owned(),
        labels,
        series: vec![
            series("refused by limits", "limited", of(&|s| Some(s.limit_hits() as f64))),
            series("locks", "locked", of(&|s| Some(s.codes.locked as f64))),
        ],
        axis: Axis::Numbers,
        nested: false,
    };
    let (codes_bars, success_lines, refused_bars) = (codes.bars(), success.lines(), refused.bars());
    vec![(codes, codes_bars), (success, success_lines), (refused, refused_bars)]
}

fn by_hour(summary: &Summary) -> (Chart, String) {
    let chart = Chart {
        id: "hours",
        title: "Codes by hour of the day (UTC)",
        description: "Bars of the codes that were issued in each hour of the day, all days together."
            .to_owned(),
        labels: (0..24).map(|hour| format!("{hour:02}:00")).collect(),
        series: vec![Series {
            name: "issued",
            class: "verified",
            values: summary.hours.iter().map(|codes| Some(*codes as f64)).collect(),
        }],
        axis: Axis::Numbers,
        nested: true,
    };
    let svg = chart.bars();
    (chart, svg)
}

fn histogram(id: &'static str, title: &'static str, bounds: &[u64], times: &Times) -> (Chart, String) {
    let chart = Chart {
        id,
        title,
        description: format!(
            "Bars of how many took how long. The 95th percentile is {}.",
            quantile(times.p95)
        ),
        labels: buckets(bounds),
        series: vec![Series {
            name: "in this bucket",
            class: "verified",
            values: times.buckets.iter().map(|n| Some(*n as f64)).collect(),
        }],
        axis: Axis::Numbers,
        nested: true,
    };
    let svg = chart.bars();
    (chart, svg)
}
