//! `otp-sidecar report`: what a month, or any other time, was like.

mod chart;
mod figures;
pub(in crate::cli) mod gather;
mod html;
mod json;
mod markdown;
mod section;
mod text;

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use super::ending::Ending;
use super::output::{OutputFlags, Screen, When};
use crate::app::host::SystemClock;
use crate::config::access::AccessFlags;
use crate::domain::id::Purpose;
use crate::domain::ledger::day::Day;
use crate::domain::report::period::Period;
use crate::domain::report::{Question, Report};
use crate::domain::time::{Clock as _, Timestamp};
use gather::Source;

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar report
  otp-sidecar report --month 2026-10 --format html --out october.html
  otp-sidecar report --from 2026-11-16 --to 2026-11-22 --purpose wallet_funding
  otp-sidecar report --month 2026-10 --format json | jq .codes.successRate

Exit code: 0 if all is well, 1 if the report has findings, 2 if it could not be made.";

/// Flags of `otp-sidecar report`.
#[derive(Debug, Args)]
pub(super) struct ReportFlags {
    /// A month, such as 2026-11 [default: the current one, so far]. Days are in UTC.
    #[arg(long, value_name = "MONTH", conflicts_with_all = ["from", "to"])]
    month: Option<String>,
    /// The first day, such as 2026-11-16.
    #[arg(long, value_name = "DATE", requires = "to")]
    from: Option<String>,
    /// The last day, which is part of it.
    #[arg(long, value_name = "DATE", requires = "from")]
    to: Option<String>,
    /// Only codes of this purpose. Mails, limits and hours are counted for all together.
    #[arg(long, value_name = "NAME")]
    purpose: Option<String>,
    /// How to write it: text, json, markdown, or one HTML page with charts that needs nothing else.
    #[arg(long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    format: Format,
    /// The same as --format json.
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Write it to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Take the counts from a file with an answer of `GET /-/counts`, kept longer than the sidecar keeps them.
    #[arg(long, value_name = "FILE")]
    counts: Option<PathBuf>,
    /// When to use colours in text. Never with the NO_COLOR variable set.
    #[arg(long, value_enum, default_value_t = When::Auto, value_name = "WHEN")]
    color: When,
    #[command(flatten)]
    access: AccessFlags,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    Markdown,
    Html,
}

/// Makes the report.
pub(super) fn run(flags: ReportFlags) -> anyhow::Result<Ending> {
    let ReportFlags { month, from, to, purpose, format, json, out, counts, color, access } = flags;
    let format = if json { Format::Json } else { format };
    let purpose = purpose.map(|name| Purpose::parse(&name)).transpose().context("--purpose")?;
    let source = match counts {
        Some(path) => Source::File(gather::File::read(&path)?),
        None => Source::Deployment(Box::new(access)),
    };
    let today = Day::of(source.at().unwrap_or_else(|| SystemClock.now()));
    let period = period(month, from.zip(to), today)?;
    let counted = gather::counts(source, period)?;
    is_begun(period, counted.at)?;
    let report = Report::new(Question { period, purpose }, &counted.days, counted.at);
    remark(&report);
    print(&report, format, out, color)?;
    Ok(Ending::of(report.has_problems()))
}

fn period(month: Option<String>, between: Option<(String, String)>, today: Day) -> anyhow::Result<Period> {
    match (month, between) {
        (Some(month), _) => Period::month(&month).context("--month"),
        (None, Some((from, to))) => Period::parse(&from, &to).context("--from and --to"),
        (None, None) => Ok(Period::month_until(today)),
    }
}

fn is_begun(period: Period, at: Timestamp) -> anyhow::Result<()> {
    let (first, today) = (period.first(), Day::of(at));
    anyhow::ensure!(first <= today, "{first} has not begun: today is {today} in UTC");
    Ok(())
}

/// A purpose that nobody counted may be misspelt.
fn remark(report: &Report) {
    if let Some(purpose) = &report.question.purpose
        && report.summary.purposes.is_empty()
    {
        // Nobody can be told when standard error is closed.
        let _closed = writeln!(std::io::stderr(), "note: no code for `{purpose}` was counted in this time");
    }
}

fn print(report: &Report, format: Format, out: Option<PathBuf>, color: When) -> anyhow::Result<()> {
    let written = match format {
        Format::Text => return print_text(report, out, color),
        Format::Json => format!("{:#}\n", json::document(report)),
        Format::Markdown => markdown::page(report),
        Format::Html => html::page(report)?,
    };
    match out {
        Some(path) => fs::write(&path, written).with_context(|| format!("--out {}", path.display())),
        None => {
            let mut stdout = std::io::stdout().lock();
            stdout.write_all(written.as_bytes())?;
            Ok(stdout.flush()?)
        }
    }
}

fn print_text(report: &Report, out: Option<PathBuf>, color: When) -> anyhow::Result<()> {
    let mut screen = match out {
        Some(path) => {
            let file = fs::File::create(&path).with_context(|| format!("--out {}", path.display()))?;
            Screen::file(file)
        }
        None => Screen::new(OutputFlags { json: false, color }),
    };
    text::print(&mut screen, report)?;
    Ok(screen.flush()?)
}
