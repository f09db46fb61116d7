//! The name that was probably meant.

/// The one of `known` that differs least from `written`, if it is near enough to be a slip.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if written.len() > 64 {
        return None;
    }
    let length = written.chars().count();
    let allowed = length.div_ceil(3).min(4).min(length.saturating_sub(1));
    known
        .into_iter()
        .filter(|name| name.len() <= 64)
        .map(|name| (distance(&written.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// How many characters must be put in, taken out, replaced or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut best = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before_last[j - 1] + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// ``write `x` `` for the nearest name, or the whole list.
pub fn suggestion<'a>(written: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    if let Some(name) = nearest(written, known.clone()) {
        return format!("write `{name}`");
    }
    let mut names: Vec<&str> = known.into_iter().collect();
    let hidden = names.len().saturating_sub(12);
    names.truncate(12);
    match (names.as_slice(), hidden) {
        ([], _) => "there is none to choose from".to_owned(),
        (names, 0) => format!("possible: {}", names.join(", ")),
        (names, more) => format!("possible: {} and {more} more", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["limits", "purposes", "routes"];
        assert_eq!(nearest("limts", known), Some("limits"));
        assert_eq!(nearest("lmiits", known), Some("limits"));
        assert_eq!(nearest("Routes", known), Some("routes"));
        assert_eq!(nearest("cors", known), None);
        assert_eq!(nearest("", ["a"]), None);
        assert_eq!(nearest("k", ["l"]), None);
    }

    #[test]
    fn names_beyond_64_bytes_are_not_compared() {
        let (long, too_long) = ("a".repeat(64), "a".repeat(65));
        let slip = format!("{}b", "a".repeat(63));
        assert_eq!(nearest(&slip, [long.as_str()]), Some(long.as_str()));
        assert_eq!(nearest(&slip, [too_long.as_str()]), None);
        assert_eq!(nearest(&too_long, [long.as_str()]), None);
    }

    #[test]
    fn distances_count_each_kind_of_slip_once() {
        for (a, b, expected) in
            [("", "", 0), ("a", "", 1), ("ab", "ba", 1), ("abc", "adc", 1), ("abc", "xyz", 3)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
