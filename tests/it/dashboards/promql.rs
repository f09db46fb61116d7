//! As much of PromQL as the rules need: which series a query selects, with which matchers and range, and
//! inside which functions. Whether a query is valid is for Prometheus itself to say.

/// A function or aggregation around a selector, with the labels that `by` keeps.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Frame {
    pub name: String,
    pub by: Vec<String>,
}

/// One selected set of series.
#[derive(Debug, Clone, PartialEq)]
pub struct Selector {
    pub metric: String,
    /// Label, operator and value.
    pub matchers: Vec<(String, String, String)>,
    /// What stands in the brackets after it.
    pub range: Option<String>,
    /// What it stands in, the outermost first. Plain parentheses have no name.
    pub frames: Vec<Frame>,
}

impl Selector {
    /// Whether it has this matcher.
    pub fn has(&self, label: &str, operator: &str, value: &str) -> bool {
        self.matchers.iter().any(|(l, o, v)| (l.as_str(), o.as_str(), v.as_str()) == (label, operator, value))
    }

    /// The function or aggregation that it is the argument of.
    pub fn parent(&self) -> &str {
        self.frames.last().map_or("", |frame| frame.name.as_str())
    }
}

/// Words that stand between operands.
const OPERATORS: [&str; 6] = ["and", "or", "unless", "bool", "offset", "atan2"];
/// Words before a list of labels.
const LABEL_LISTS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// Every selector of a query.
///
/// # Errors
/// When a bracket or a quotation is not closed.
pub fn selectors(query: &str) -> Result<Vec<Selector>, String> {
    let mut reader = Reader { rest: query, frames: Vec::new(), pending: Frame::default(), found: Vec::new() };
    while !reader.rest.is_empty() {
        reader.step()?;
    }
    if reader.frames.is_empty() { Ok(reader.found) } else { Err(format!("a bracket is open in {query}")) }
}

struct Reader<'a> {
    rest: &'a str,
    frames: Vec<Frame>,
    /// The function whose arguments come next.
    pending: Frame,
    found: Vec<Selector>,
}

impl Reader<'_> {
    fn step(&mut self) -> Result<(), String> {
        let Some(first) = self.rest.chars().next() else { return Ok(()) };
        if first.is_ascii_alphabetic() || first == '_' {
            return self.word();
        }
        match first {
            '(' => self.frames.push(std::mem::take(&mut self.pending)),
            ')' => {
                self.frames.pop().ok_or("a bracket too many")?;
            }
            '"' => {
                self.quotation()?;
                return Ok(());
            }
            '[' => {
                let range = self.until(']')?;
                if let Some(selector) = self.found.last_mut() {
                    selector.range = Some(range);
                }
                return Ok(());
            }
            digit if digit.is_ascii_digit() => {
                self.take(|c| c.is_ascii_alphanumeric() || c == '.');
                return Ok(());
            }
            _ => {}
        }
        self.rest = &self.rest[first.len_utf8()..];
        Ok(())
    }

    fn word(&mut self) -> Result<(), String> {
        let word = self.take(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
        self.rest = self.rest.trim_start();
        if OPERATORS.contains(&word.as_str()) {
            return Ok(());
        }
        if LABEL_LISTS.contains(&word.as_str()) {
            let list = self.until(')')?;
            let labels = list.split(',').map(|label| label.trim().to_owned());
            if word == "by" {
                self.pending.by = labels.filter(|label| !label.is_empty()).collect();
            }
            return Ok(());
        }
        if self.rest.starts_with('(') || ["by", "without"].iter().any(|list| self.rest.starts_with(list)) {
            self.pending = Frame { name: word, by: Vec::new() };
            return Ok(());
        }
        let matchers = if self.rest.starts_with('{') { self.matchers()? } else { Vec::new() };
        let frames = self.frames.clone();
        self.found.push(Selector { metric: word, matchers, range: None, frames });
        Ok(())
    }

    fn matchers(&mut self) -> Result<Vec<(String, String, String)>, String> {
        self.rest = &self.rest[1..];
        let mut matchers = Vec::new();
        loop {
            self.take(|c| c.is_whitespace() || c == ',');
            if let Some(rest) = self.rest.strip_prefix('}') {
                self.rest = rest;
                return Ok(matchers);
            }
            let label = self.take(|c| c.is_ascii_alphanumeric() || c == '_');
            let operator = self.take(|c| "=!~ ".contains(c)).trim().to_owned();
            if label.is_empty() || !self.rest.starts_with('"') {
                return Err(format!("no matcher at {}", self.rest));
            }
            matchers.push((label, operator, self.quotation()?));
        }
    }

    /// A text in quotation marks, as it is written.
    fn quotation(&mut self) -> Result<String, String> {
        let text = &self.rest[1..];
        let mut escaped = false;
        for (at, c) in text.char_indices() {
            if c == '"' && !escaped {
                self.rest = &text[at + 1..];
                return Ok(text[..at].to_owned());
            }
            escaped = c == '\\' && !escaped;
        }
        Err(format!("a quotation is open at {text}"))
    }

    /// What stands after the next character, up to `end`.
    fn until(&mut self, end: char) -> Result<String, String> {
        let (inside, rest) = self.rest[1..].split_once(end).ok_or(format!("no {end} after {}", self.rest))?;
        self.rest = rest;
        Ok(inside.to_owned())
    }

    fn take(&mut self, is_part: impl Fn(char) -> bool) -> String {
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(name: &str, by: &[&str]) -> Frame {
        Frame { name: name.to_owned(), by: by.iter().map(|label| (*label).to_owned()).collect() }
    }

    #[test]
    fn a_selector_is_found_with_its_matchers_its_range_and_what_it_stands_in() {
        let query =
            r#"histogram_quantile(0.95, sum by (route, le) (rate(x_bucket{job=~"$job", le="0.5)"}[5m])))"#;
        let found = selectors(query).unwrap();
        assert_eq!(found.len(), 1);
        let matcher =
            |label: &str, operator: &str, value: &str| (label.into(), operator.into(), value.into());
        assert_eq!(found[0].matchers, [matcher("job", "=~", "$job"), matcher("le", "=", "0.5)")]);
        assert_eq!((found[0].metric.as_str(), found[0].range.as_deref()), ("x_bucket", Some("5m")));
        let around = [frame("histogram_quantile", &[]), frame("sum", &["route", "le"]), frame("rate", &[])];
        assert_eq!(found[0].frames, around);
    }

    #[test]
    fn operators_numbers_and_lists_of_labels_are_no_selectors() {
        let query =
            "60 * up > 0 and on (job) group_left () max by (job) (other:rate5m{a!=\"b\"}) or vector(0)";
        let names: Vec<_> = selectors(query).unwrap().into_iter().map(|found| found.metric).collect();
        assert_eq!(names, ["up", "other:rate5m"]);
    }

    #[test]
    fn what_is_not_closed_is_an_error() {
        for query in ["sum(up", "sum up)", "up{job=\"a}", "up{job}", "up[5m"] {
            assert!(selectors(query).is_err(), "{query}");
        }
    }
}
