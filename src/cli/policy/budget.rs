//! The guess budget on the screen and as JSON.

use std::time::Duration;

use serde_json::{Value, json};

use super::figures::{count, listed, percent, thousands, up};
use crate::cli::output::{Cell, Screen, Table, Tone};
use crate::policy::budget::room::Room;
use crate::policy::budget::{Assessment, Bound, Chance, Guessing, Outlook, PurposeBounds};
use crate::policy::scalar::show_span;

/// More locks of one run than this are not spelt out.
const MOST_LOCKS_SHOWN: u64 = 8;

/// The document.
pub(super) fn to_json(assessment: &Assessment) -> Value {
    let purposes = assessment.purposes.iter().map(|bounds| {
        json!({
            "purpose": bounds.rules.name.as_str(),
            "digits": bounds.rules.digits.get(),
            "live": bounds.rules.live,
            "ownerAway": { "day": guessing_json(&bounds.guessing.away_day), "year": guessing_json(&bounds.guessing.away_year) },
            "ownerActive": { "day": guessing_json(&bounds.guessing.active_day), "year": guessing_json(&bounds.guessing.active_year) },
            "how": how(bounds),
        })
    });
    let together = &assessment.together;
    json!({
        "perSubjectYear": assessment.budget.per_subject_year.to_string(),
        "limit": assessment.budget.per_subject_year.ratio(),
        "ownerCodesPerDay": assessment.budget.owner_codes_per_day,
        "sprayed": assessment.sprayed,
        "exceeded": assessment.is_over(),
        "affordableFailuresPerDay": assessment.affordable_failures_per_day,
        "together": {
            "ownerAway": { "day": chance_json(&together.away_day), "year": chance_json(&together.away_year) },
            "ownerActive": { "day": chance_json(&together.active_day), "year": chance_json(&together.active_year) },
        },
        "purposes": purposes.collect::<Value>(),
    })
}

fn chance_json(chance: &Chance) -> Value {
    json!({
        "subject": chance.subject,
        "sprayedExpected": chance.expected,
        "sprayedAtLeastOne": chance.any,
    })
}

fn guessing_json(guessing: &Guessing) -> Value {
    let (bound, limits) = match &guessing.bound {
        Bound::Unreachable => ("unreachable", &[][..]),
        Bound::Disabled => ("disable_after", &[][..]),
        Bound::Lockout => ("lockout", &[][..]),
        Bound::Limits(limits) => ("limits", limits.as_slice()),
    };
    json!({
        "guesses": guessing.guesses,
        "boundBy": bound,
        "limits": limits.iter().map(|limit| limit.as_str()).collect::<Vec<_>>(),
        "sendsBind": guessing.sends_bind,
        "chance": chance_json(&guessing.chance),
    })
}

/// The table, how its figures are reached, and the verdict.
pub(super) fn print(assessment: &Assessment, screen: &mut Screen) -> anyhow::Result<()> {
    screen.title("Guess budget")?;
    screen.line(&format!(
        "  Bounds for somebody with a subject's token and any number of addresses, but no mailbox; sprayed: with the\n  \
         tokens of {}. An active owner enters up to {} a day of each purpose.\n",
        count(assessment.sprayed, "subject"),
        count(u64::from(assessment.budget.owner_codes_per_day), "right code"),
    ))?;
    screen.table(&table(assessment))?;
    for bounds in &assessment.purposes {
        screen.line(&format!("\n  {}", bounds.rules.name))?;
        for sentence in how(bounds) {
            screen.line(&format!("    {sentence}"))?;
        }
    }
    screen.line("")?;
    verdict(assessment, screen)
}

fn table(assessment: &Assessment) -> Table {
    let mut table =
        Table::new(&["PURPOSE", "OWNER", "IN A", "GUESSES", "ONE SUBJECT", "SPRAYED, CODES", "SPRAYED, ANY"]);
    for bounds in &assessment.purposes {
        for (owner, span, guessing) in spans(&bounds.guessing) {
            let guesses = Some(guessing.guesses);
            table.row(row(bounds.rules.name.as_str(), owner, span, guesses, &guessing.chance));
        }
    }
    if assessment.purposes.len() > 1 {
        for (owner, span, chance) in spans(&assessment.together) {
            table.row(row("together", owner, span, None, chance));
        }
    }
    table
}

fn spans<T>(outlook: &Outlook<T>) -> [(&'static str, &'static str, &T); 4] {
    [
        ("away", "day", &outlook.away_day),
        ("away", "year", &outlook.away_year),
        ("active", "day", &outlook.active_day),
        ("active", "year", &outlook.active_year),
    ]
}

fn row(name: &str, owner: &str, span: &str, guesses: Option<u64>, chance: &Chance) -> Vec<Cell> {
    vec![
        name.into(),
        owner.into(),
        span.into(),
        Cell::number(guesses.map(thousands).unwrap_or_default()),
        Cell::number(percent(chance.subject)),
        Cell::number(up(chance.expected)),
        Cell::number(percent(chance.any)),
    ]
}

/// How the bounds of a purpose are reached, in sentences.
fn how(bounds: &PurposeBounds) -> Vec<String> {
    let guessing = &bounds.guessing;
    if guessing.active_year.bound == Bound::Unreachable {
        return vec![
            "No route issues codes for it, or none takes them: there is nothing to guess.".to_owned(),
        ];
    }
    let mut sentences = vec![
        format!(
            "Each guess is against at most {} of {} digits.",
            count(u64::from(bounds.rules.live), "valid code"),
            bounds.rules.digits.get()
        ),
        format!("Owner away: {}", ending(bounds, &guessing.away_year)),
        format!("Owner active: {}", ending(bounds, &guessing.active_year)),
    ];
    sentences.push(sends(&guessing.active_year));
    if !bounds.by_client.is_empty() {
        let names: Vec<String> = bounds.by_client.iter().map(|name| format!("`{name}`")).collect();
        sentences
            .push(format!("Not counted on: {}, since an attacker may have many addresses.", listed(&names)));
    }
    sentences
}

/// What ends guessing within a year.
fn ending(bounds: &PurposeBounds, year: &Guessing) -> String {
    let lockout = &bounds.rules.lockout;
    match &year.bound {
        Bound::Unreachable => "there is nothing to guess.".to_owned(),
        Bound::Disabled if year.right_codes == 0 => {
            format!(
                "{}, then the purpose is disabled until an operator opens it (`disable_after`).",
                count(u64::from(lockout.disable_after), "failure")
            )
        }
        Bound::Disabled => format!(
            "the most failures that do not come to `disable_after` between two right codes: {}.",
            thousands(year.guesses)
        ),
        Bound::Limits(limits) => {
            let names: Vec<String> = limits.iter().map(|name| format!("`{name}`")).collect();
            format!(
                "{} {} no more than {}.",
                listed(&names),
                let_or_lets(limits.len()),
                thousands(year.guesses)
            )
        }
        Bound::Lockout => by_locks(bounds, year),
    }
}

fn let_or_lets(count: usize) -> &'static str {
    if count == 1 { "lets" } else { "let" }
}

fn by_locks(bounds: &PurposeBounds, year: &Guessing) -> String {
    let lockout = &bounds.rules.lockout;
    let shown = year.pace.run.min(MOST_LOCKS_SHOWN);
    let mut locks: Vec<String> = Vec::new();
    for level in 0..shown {
        let lock = show_span(lockout.duration(u32::try_from(level).unwrap_or(u32::MAX)));
        if locks.last() != Some(&lock) {
            locks.push(lock);
        }
    }
    let waits = match year.pace.pauses {
        0 => String::new(),
        pauses => format!(
            ", and {} a clean day after which locks are short again",
            if pauses == 1 { "once".to_owned() } else { format!("{} times", thousands(pauses)) }
        ),
    };
    let more = if year.pace.run > MOST_LOCKS_SHOWN { " and so on" } else { "" };
    let mut sentence = format!(
        "{} for each of {} ({}{more}){waits}",
        count(u64::from(lockout.after), "failure"),
        count(year.pace.locks, "lock"),
        listed(&locks),
    );
    if year.right_codes > 0 && lockout.after > 1 {
        let forgiven = count(u64::from(lockout.after - 1), "more failure");
        let codes = count(year.right_codes, "right code");
        sentence.push_str(&format!("; {forgiven} before each of the owner's {codes}"));
    }
    sentence + "."
}

fn sends(year: &Guessing) -> String {
    match &year.sends {
        None => {
            "Codes to guess at: as many as the attacker wants; no limit by subject binds sending.".to_owned()
        }
        Some(Room { most, limits }) => {
            let names: Vec<String> = limits.iter().map(|name| format!("`{name}`")).collect();
            let verb =
                if year.sends_bind { "so few that they lower the chance" } else { "more than are needed" };
            format!("Codes to guess at: up to {} a year ({}), {verb}.", thousands(*most), listed(&names))
        }
    }
}

fn verdict(assessment: &Assessment, screen: &mut Screen) -> anyhow::Result<()> {
    let budget = assessment.budget.per_subject_year;
    let found = percent(assessment.together.active_year.subject);
    if !assessment.is_over() {
        let mark = screen.toned(Tone::Good, "within the budget:");
        screen.line(&format!("  {mark} at most {found} for each subject and year, of {budget}"))?;
        return Ok(());
    }
    let mark = screen.toned(Tone::Bad, "over the budget:");
    screen.line(&format!("  {mark} up to {found} for each subject and year, of {budget}"))?;
    let advice = match assessment.affordable_failures_per_day {
        0 => "use codes with more digits, or fewer valid at once".to_owned(),
        most => format!(
            "a limit such as `guesses: {{ max: {most}, per: {}, by: [subject], count: failures }}` on every \
             `verify` route keeps within it, whatever the owner does",
            show_span(Duration::from_secs(86_400))
        ),
    };
    Ok(screen.line(&format!("    {advice}"))?)
}
