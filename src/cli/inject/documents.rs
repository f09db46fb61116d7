//! Several YAML documents in one text. What is not changed stays as it was written, comments included.

use anyhow::Context as _;
use serde_json::Value;

/// One document.
pub(super) struct Document {
    /// As it was written, with the separator before it.
    text: String,
    /// What it says; `None` where there are only comments.
    value: Option<Value>,
    is_changed: bool,
}

/// The documents of a text, in their order.
///
/// # Errors
/// When one of them is no YAML, with its number and the place in it.
pub(super) fn read(text: &str) -> anyhow::Result<Vec<Document>> {
    let pieces = split(text);
    let count = pieces.len();
    let parse = |(index, text): (usize, String)| {
        let value =
            if says_nothing(&text) { None } else { parse(&text).with_context(|| which(index, count))? };
        Ok(Document { text, value, is_changed: false })
    };
    pieces.into_iter().enumerate().map(parse).collect()
}

fn which(index: usize, count: usize) -> String {
    if count == 1 {
        "it cannot be read as YAML".to_owned()
    } else {
        format!("document {} of {count} cannot be read as YAML", index + 1)
    }
}

/// Kubernetes reads YAML 1.1, in which `0644` is an octal number.
fn parse(text: &str) -> anyhow::Result<Option<Value>> {
    let options = serde_yaml::options! { legacy_octal_numbers: true };
    Ok(serde_yaml::from_str_with_options(text, options)?)
}

fn split(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for line in text.split_inclusive('\n') {
        let is_separator =
            line.strip_prefix("---").is_some_and(|rest| rest.trim_start() != rest || rest.is_empty());
        match pieces.last_mut() {
            Some(last) if !is_separator || last.is_empty() => last.push_str(line),
            _ => pieces.push(line.to_owned()),
        }
    }
    pieces
}

/// Whether these are only comments, separators and directives.
fn says_nothing(text: &str) -> bool {
    text.lines().all(|line| {
        let line = line.strip_prefix("---").unwrap_or(line).trim();
        line.is_empty() || line.starts_with(['#', '%']) || line == "..."
    })
}

/// The documents as one text.
pub(super) fn write(documents: &[Document]) -> anyhow::Result<String> {
    documents.iter().map(Document::to_text).collect()
}

impl Document {
    /// The Kubernetes objects in it: itself, or the items of a list.
    pub(super) fn objects(&self) -> impl Iterator<Item = &Value> {
        let items = self.value.as_ref().and_then(|value| items_of(value)?.as_array());
        let own = if items.is_some() { None } else { self.value.as_ref() };
        own.into_iter().chain(items.into_iter().flatten())
    }

    /// Changes the objects; `change` says whether it changed one.
    pub(super) fn change(
        &mut self,
        mut change: impl FnMut(&mut Value) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let Some(value) = &mut self.value else { return Ok(()) };
        let is_list = items_of(value).is_some();
        match value.get_mut("items").and_then(Value::as_array_mut).filter(|_| is_list) {
            Some(items) => {
                for item in items {
                    self.is_changed |= change(item)?;
                }
            }
            None => self.is_changed |= change(value)?,
        }
        Ok(())
    }

    fn to_text(&self) -> anyhow::Result<String> {
        match &self.value {
            Some(value) if self.is_changed => {
                let head: String =
                    self.text.split_inclusive('\n').take_while(|line| says_nothing(line)).collect();
                Ok(head + &emit(value)?)
            }
            _ => Ok(self.text.clone()),
        }
    }
}

/// Long lines stay lines: folded ones are hard to read in a manifest.
fn emit(value: &Value) -> anyhow::Result<String> {
    let options = serde_yaml::ser_options! { folded_wrap_chars: usize::MAX };
    let mut text = String::new();
    serde_yaml::to_fmt_writer_with_options(&mut text, value, options)
        .context("it cannot be written as YAML")?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

fn items_of(value: &Value) -> Option<&Value> {
    value.get("kind")?.as_str().filter(|kind| *kind == "List")?;
    value.get("items")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "# about the first\nkind: A # here\n--- # second\nkind: B\nmode: 0644\ntext: |\n  a\n   ---\n...\n---\n# nothing more\n";

    #[test]
    fn what_is_not_changed_stays_as_it_was_written() {
        let mut documents = read(TWO).unwrap();
        assert_eq!((documents.len(), write(&documents).unwrap()), (3, TWO.to_owned()));
        documents[1]
            .change(|object| {
                object["kind"] = "C".into();
                Ok(true)
            })
            .unwrap();
        let written = write(&documents).unwrap();
        assert!(written.starts_with("# about the first\nkind: A # here\n--- # second\n"), "{written}");
        let again = read(&written).unwrap();
        assert_eq!(
            again[1].value,
            Some(serde_json::json!({ "kind": "C", "mode": 420, "text": "a\n ---\n" }))
        );
        assert!(written.ends_with("---\n# nothing more\n"), "{written}");
    }

    #[test]
    fn items_of_a_list_are_objects_of_their_own() {
        let mut documents = read("kind: List\nitems:\n- kind: A\n- kind: B\n").unwrap();
        let kinds: Vec<_> = documents[0].objects().map(|object| object["kind"].clone()).collect();
        assert_eq!(kinds, ["A", "B"]);
        documents[0]
            .change(|object| {
                Ok(object["kind"] == "B" && {
                    object["kind"] = "C".into();
                    true
                })
            })
            .unwrap();
        assert_eq!(write(&documents).unwrap(), "kind: List\nitems:\n- kind: A\n- kind: C\n");
    }

    #[test]
    fn what_looks_like_a_number_or_a_word_of_yaml_stays_a_text() {
        let value = serde_json::json!({ "a": "1e3", "b": "yes", "c": "0644", "d": "null", "e": "12:30", "f": "", "g": "on" });
        let mut documents = read("kind: A\n").unwrap();
        documents[0]
            .change(|object| {
                *object = value.clone();
                Ok(true)
            })
            .unwrap();
        assert_eq!(read(&write(&documents).unwrap()).unwrap()[0].value, Some(value));
    }

    #[test]
    fn a_broken_document_is_named_by_its_number() {
        let error = read("kind: A\n---\nkind: [\n").err().unwrap();
        assert!(format!("{error:#}").starts_with("document 2 of 2 cannot be read as YAML: "), "{error:#}");
    }
}
