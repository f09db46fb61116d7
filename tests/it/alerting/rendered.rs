//! The shipped rules with shorter times, so that a test sees in seconds what takes minutes or days.

use regex::{Captures, Regex};

use super::shipped::{read, root, rule_files};
use crate::support::sidecar::Folder;

/// Every duration of a file of rules: the range of a selector and how long an alert holds. Windows are
/// also part of some names, which stay as they are.
fn durations() -> Regex {
    Regex::new(r"(?<before>\[|\bfor: )(?<number>[0-9]+)(?<unit>[mhd])").unwrap()
}

/// 5 minutes become 4 seconds, a minute 2, an hour 12, a day 51: order is kept, and the shortest time is still long enough for a few scrapes.
fn scaled(seconds: f64) -> u64 {
    (4_000.0 * (seconds / 300.0).powf(0.45)).round() as u64
}

fn seconds(found: &Captures<'_>) -> f64 {
    let unit = match &found["unit"] {
        "m" => 60.0,
        "h" => 3_600.0,
        _ => 86_400.0,
    };
    found["number"].parse::<f64>().unwrap() * unit
}

fn render(rules: &str) -> String {
    let scale = |found: &Captures<'_>| format!("{}{}ms", &found["before"], scaled(seconds(found)));
    durations().replace_all(rules, scale).into_owned()
}

/// A folder with all rules, rendered.
pub fn rendered_rules() -> Folder {
    let folder = Folder::new();
    for file in rule_files() {
        folder.write(file.file_name().unwrap().to_str().unwrap(), &render(&read(&file)));
    }
    folder
}

#[test]
fn the_rendered_rules_differ_from_the_shipped_ones_in_nothing_but_durations() {
    let rendered_durations = Regex::new(r"(\[|\bfor: )[0-9]+ms").unwrap();
    let mut replaced = 0;
    for file in rule_files() {
        let (shipped, rendered) = (read(&file), render(&read(&file)));
        let (before, after): (Vec<_>, Vec<_>) = (shipped.lines().collect(), rendered.lines().collect());
        assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(
                durations().replace_all(before, "$before"),
                rendered_durations.replace_all(after, "$1")
            );
        }
        replaced += durations().find_iter(&shipped).count();
    }
    assert!(replaced > 60, "only {replaced} durations were found");
}

#[test]
fn longer_times_stay_longer() {
    let rules = read(&root().join("alerts/otp-slo.rules.yaml"));
    let mut found: Vec<f64> = durations().captures_iter(&rules).map(|found| seconds(&found)).collect();
    found.sort_by(f64::total_cmp);
    found.dedup();
    assert!(found.windows(2).all(|pair| scaled(pair[0]) < scaled(pair[1])), "{found:?}");
    assert_eq!((scaled(60.0), scaled(300.0), scaled(259_200.0)), (1_939, 4_000, 83848));
}
