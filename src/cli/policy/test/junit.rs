//! The results as JUnit XML, which build servers show.

use std::fmt::Write as _;

use super::FileResult;
use crate::policy::scenario::run::Outcome;

/// The document.
pub(super) fn document(results: &[FileResult]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for result in results {
        let failed = result.outcomes.iter().filter(|outcome| !outcome.passed()).count();
        // Writing to a text cannot fail.
        let _infallible = writeln!(
            xml,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failed}\">",
            escaped(&result.path),
            result.outcomes.len()
        );
        for outcome in &result.outcomes {
            xml.push_str(&test(&result.path, outcome));
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn test(path: &str, outcome: &Outcome) -> String {
    let (name, file, line) = (escaped(&outcome.name), escaped(path), outcome.at.line);
    let open = format!("    <testcase name=\"{name}\" classname=\"{file}\" file=\"{file}\" line=\"{line}\"");
    let Some(first) = outcome.differences.first() else { return format!("{open}/>\n") };
    let message = format!("{}: expected {}, was {}", first.what, first.expected, first.actual);
    let mut text = String::new();
    for difference in &outcome.differences {
        let _infallible = writeln!(
            text,
            "{path}:{}: {}: expected {}, was {}",
            difference.at.line, difference.what, difference.expected, difference.actual
        );
    }
    format!(
        "{open}>\n      <failure message=\"{}\">{}</failure>\n    </testcase>\n",
        escaped(&message),
        escaped(&text)
    )
}

/// What XML 1.0 can carry, with what it gives a meaning as references.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\n' | '\t' => safe.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn what_xml_gives_a_meaning_or_cannot_carry_is_replaced() {
        assert_eq!(escaped("a<b & \"c\">\u{1b}"), "a&lt;b &amp; &quot;c&quot;&gt;\u{fffd}");
    }
}
