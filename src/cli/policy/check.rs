//! `otp-sidecar policy check`.

use clap::Args;
use serde_json::{Value, json};

use super::source::{LoadedSet, SetFlags, load};
use super::{Ending, budget, figures};
use crate::cli::output::{OutputFlags, Screen, Tone};
use crate::policy::budget::{Assessment, assess};
use crate::policy::compile::Compiled;
use crate::policy::diagnostic::Diagnostics;
use crate::policy::share::Share;
use crate::policy::snapshot::PolicySnapshot;
use crate::policy::standards::{Verdict, verdicts};

pub(super) const EXAMPLES: &str = "\
Examples:
  otp-sidecar policy check
  otp-sidecar policy check deploy/policies --strict --sprayed 50000
  otp-sidecar policy check --json | jq .budget.together

Errors, a budget that is exceeded and broken rules of standards end in exit code 1; warnings only with
--strict. Files that cannot be read end in 2. How the figures are worked out is in docs/cli/policy.md.";

/// What to check, and against what.
#[derive(Debug, Args)]
pub(in crate::cli) struct CheckFlags {
    #[command(flatten)]
    set: SetFlags,

    /// Take warnings for findings too.
    #[arg(long)]
    strict: bool,

    /// How many subjects the attacker who sprays guesses has tokens of.
    #[arg(long, default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    sprayed: u64,

    /// The largest chance for each subject and year, in place of the policy's `budget.per_subject_year`.
    #[arg(long, value_name = "SHARE", value_parser = read_share)]
    budget: Option<Share>,

    #[command(flatten)]
    output: OutputFlags,
}

fn read_share(text: &str) -> Result<Share, String> {
    Share::parse(text).ok_or_else(|| "write a number and %, such as 1% or 0.25%".to_owned())
}

/// What was found.
struct Report {
    path: String,
    problems: Diagnostics,
    missing_keys: Vec<String>,
    judged: Option<Judged>,
    strict: bool,
}

/// What only a set without errors can be asked.
struct Judged {
    snapshot: PolicySnapshot,
    assessment: Assessment,
}

/// Checks a set.
pub(super) fn run(flags: &CheckFlags) -> anyhow::Result<Ending> {
    let LoadedSet { compiled, missing_keys } = load(&flags.set)?;
    let (problems, judged) = match compiled {
        Ok(Compiled { snapshot, warnings }) => {
            let mut rules = snapshot.budget;
            rules.per_subject_year = flags.budget.unwrap_or(rules.per_subject_year);
            let assessment = assess(&snapshot, rules, flags.sprayed);
            (warnings, Some(Judged { snapshot, assessment }))
        }
        Err(errors) => (errors, None),
    };
    let path = flags.set.path.display().to_string();
    let report = Report { path, problems, missing_keys, judged, strict: flags.strict };
    let mut screen = Screen::new(flags.output);
    if screen.is_json() {
        screen.json(&report.to_json())?;
    } else {
        report.print(&mut screen)?;
    }
    screen.flush()?;
    Ok(Ending::of(report.findings() > 0))
}

impl Judged {
    /// Each purpose by name, with what it does about every rule.
    fn standards(&self) -> impl Iterator<Item = (&str, Verdict)> {
        let purposes = self.snapshot.purposes.values();
        purposes.flat_map(|rules| verdicts(rules).into_iter().map(|verdict| (rules.name.as_str(), verdict)))
    }

    fn broken(&self) -> usize {
        self.standards().filter(|(_, verdict)| !verdict.is_kept).count()
    }
}

impl Report {
    /// How many things make the check fail.
    fn findings(&self) -> usize {
        let counted = if self.judged.is_none() || self.strict { self.problems.len() } else { 0 };
        let judged = self.judged.as_ref();
        counted + judged.map_or(0, |judged| judged.broken() + usize::from(judged.assessment.is_over()))
    }

    fn to_json(&self) -> Value {
        let standards = self.judged.iter().flat_map(Judged::standards).map(|(purpose, verdict)| {
            json!({
                "purpose": purpose,
                "source": verdict.rule.source,
                "demand": verdict.rule.demand,
                "found": verdict.found,
                "kept": verdict.is_kept,
                "advice": verdict.advice,
            })
        });
        json!({
            "path": self.path,
            "hash": self.judged.as_ref().map(|judged| judged.snapshot.hash.to_string()),
            "usable": self.judged.is_some(),
            "findings": self.findings(),
            "problems": self.problems.to_json(),
            "missingKeys": self.missing_keys,
            "budget": self.judged.as_ref().map(|judged| budget::to_json(&judged.assessment)),
            "standards": standards.collect::<Value>(),
        })
    }

    fn print(&self, screen: &mut Screen) -> anyhow::Result<()> {
        if !self.problems.is_empty() {
            // The excerpts have no control characters: the diagnostics see to that.
            screen.line(&self.problems.to_string())?;
        }
        for note in &self.missing_keys {
            let mark = screen.toned(Tone::Dim, "note:");
            screen.line(&format!("{mark} {}", crate::cli::output::visible(note)))?;
        }
        if let Some(judged) = &self.judged {
            budget::print(&judged.assessment, screen)?;
            print_standards(judged, screen)?;
        }
        self.print_verdict(screen)
    }

    fn print_verdict(&self, screen: &mut Screen) -> anyhow::Result<()> {
        let problems = figures::count(self.problems.len() as u64, self.kind_of_problem());
        let (tone, verdict) = match &self.judged {
            None => (Tone::Bad, format!("{} cannot be used: {problems}", self.path)),
            Some(_) if self.findings() > 0 => {
                let findings = figures::count(self.findings() as u64, "finding");
                (Tone::Bad, format!("{}: {findings}, {problems}", self.path))
            }
            Some(_) => (Tone::Good, format!("{}: fine, {problems}", self.path)),
        };
        screen.line("")?;
        let verdict = screen.toned(tone, &verdict);
        Ok(screen.line(&verdict)?)
    }

    fn kind_of_problem(&self) -> &'static str {
        if self.judged.is_some() { "warning" } else { "problem" }
    }
}

fn print_standards(judged: &Judged, screen: &mut Screen) -> anyhow::Result<()> {
    screen.title("Rules of standards")?;
    let broken: Vec<_> = judged.standards().filter(|(_, verdict)| !verdict.is_kept).collect();
    for (purpose, verdict) in &broken {
        let mark = screen.toned(Tone::Bad, "broken:");
        let Verdict { rule, found, advice, .. } = verdict;
        screen.line(&format!("  {mark} {}: {}", rule.source, rule.demand))?;
        screen.line(&format!("    {purpose} has {found}; {}", advice.unwrap_or_default()))?;
    }
    let kept = judged.standards().count() - broken.len();
    screen.line(&format!("  {} kept", figures::count(kept as u64, "rule")))?;
    Ok(())
}
