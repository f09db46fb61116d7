//! Sources as the rules see them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// One file under `src/`.
pub struct Source {
    /// Its path below `src/`, such as `store/redis/keys.rs`.
    pub path: String,
    /// The file as it is.
    pub text: String,
    /// The file without comments, literals and test code; line breaks are kept.
    pub code: String,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        let code = without_tests(&without_comments_and_literals(text));
        Self { path: path.to_owned(), text: text.to_owned(), code }
    }

    /// The top-level module: `store` of `store/redis/keys.rs`.
    pub fn module(&self) -> &str {
        self.path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
    }

    /// The path of its module: `["store", "redis", "keys"]`, and `["store"]` for `store/mod.rs`.
    pub fn module_path(&self) -> Vec<&str> {
        let path = self.path.trim_end_matches(".rs");
        path.strip_suffix("/mod").unwrap_or(path).split('/').collect()
    }

    /// Whether the file as a whole is test code.
    pub fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// Every path that the code writes, from `crate`, `super`, `self` or a child module on, groups spread
    /// out: `use crate::a::{b, c::d}` gives `crate::a::b` and `crate::a::c::d`.
    pub fn named_paths(&self) -> Vec<Vec<String>> {
        let tokens = tokens(&self.code);
        let children = children(&tokens);
        let mut paths = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            let word = tokens[at].as_str();
            let leads_on = tokens.get(at + 1).is_some_and(|next| next == "::");
            let starts = matches!(word, "crate" | "super" | "otp_sidecar")
                || (leads_on && (word == "self" || children.contains(word)));
            let continues = at > 0 && tokens[at - 1] == "::";
            if starts && !continues {
                at = read_path(&tokens, at, &[], &mut paths);
            } else {
                at += 1;
            }
        }
        paths
    }
}

/// The modules that the code declares and that are files of their own.
fn children(tokens: &[String]) -> BTreeSet<&str> {
    let declared = tokens.windows(3).filter(|words| words[0] == "mod" && words[2] == ";");
    declared.map(|words| words[1].as_str()).collect()
}

/// Reads one path from `at` on, after `prefix`; returns where it ends.
fn read_path(tokens: &[String], mut at: usize, prefix: &[String], paths: &mut Vec<Vec<String>>) -> usize {
    let mut path = prefix.to_vec();
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|token| token == text);
    while let Some(token) = tokens.get(at) {
        if token == "{" {
            at += 1;
            while at < tokens.len() && !is(at, "}") {
                at = if is(at, ",") { at + 1 } else { read_path(tokens, at, &path, paths) };
            }
            return at + 1;
        }
        path.push(token.clone());
        at += 1;
        if !is(at, "::") {
            break;
        }
        at += 1;
    }
    paths.push(path);
    if is(at, "as") { at + 2 } else { at }
}

/// Words, `::` as one, and every other visible character for itself.
fn tokens(code: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut in_word = false;
    let mut chars = code.chars().peekable();
    while let Some(c) = chars.next() {
        let is_word = c.is_alphanumeric() || c == '_';
        match tokens.last_mut() {
            Some(word) if is_word && in_word => word.push(c),
            _ if c == ':' && chars.next_if_eq(&':').is_some() => tokens.push("::".to_owned()),
            _ if !c.is_whitespace() => tokens.push(c.to_string()),
            _ => {}
        }
        in_word = is_word;
    }
    tokens
}

fn without_comments_and_literals(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let cut = cut_length(rest, code.chars().next_back());
        let taken = if cut == 0 { c.len_utf8() } else { cut };
        if cut == 0 {
            code.push(c);
        } else {
            code.push(' ');
            code.extend(rest[..cut].chars().filter(|c| *c == '\n'));
        }
        rest = &rest[taken..];
    }
    code
}

/// How many bytes of a comment or literal `rest` starts with.
fn cut_length(rest: &str, before: Option<char>) -> usize {
    let until = |end: &str, skip: usize| rest[skip..].find(end).map_or(rest.len(), |at| skip + at);
    let after_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if rest.starts_with("//") {
        return until("\n", 0);
    }
    if rest.starts_with("/*") {
        return (until("*/", 2) + 2).min(rest.len());
    }
    if rest.starts_with('"') {
        return quoted(rest, '"');
    }
    if !after_word {
        let raw = rest.strip_prefix('b').unwrap_or(rest);
        let hashes = raw.strip_prefix('r').map(|raw| raw.len() - raw.trim_start_matches('#').len());
        if let Some(count) = hashes.filter(|count| raw[1 + count..].starts_with('"')) {
            let end = format!("\"{}", "#".repeat(count));
            let start = rest.len() - raw.len() + 1 + count + 1;
            return (until(&end, start) + end.len()).min(rest.len());
        }
    }
    let mut chars = rest.chars();
    match (chars.next(), chars.next(), chars.next()) {
        (Some('\''), Some('\\'), _) | (Some('\''), Some(_), Some('\'')) => quoted(rest, '\''),
        _ => 0,
    }
}

fn quoted(rest: &str, mark: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == mark => return at + mark.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// Takes out what `#[cfg(test)]` stands before: a module or one item.
fn without_tests(code: &str) -> String {
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        kept.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = item_length(rest);
        kept.extend(rest[..length].chars().filter(|c| *c == '\n'));
        rest = &rest[length..];
    }
    kept + rest
}

/// How long the item is: to its first `;` outside braces, or to the brace that closes it.
fn item_length(item: &str) -> usize {
    let mut depth = 0_u32;
    for (at, c) in item.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth <= 1 => return at + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    item.len()
}

/// All files under `src/`, in the order of their paths.
pub fn read_all() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    read_folder(&root, &root, &mut sources);
    sources.sort_by(|a: &Source, b| a.path.cmp(&b.path));
    assert!(sources.len() > 20, "the sources were not found");
    sources
}

fn read_folder(root: &Path, folder: &Path, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_folder(root, &path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap();
            sources.push(Source::new(name, &fs::read_to_string(&path).unwrap()));
        }
    }
}

/// The code map: the paths at the start of the lines of the first `text` block in `ARCHITECTURE.md`.
pub struct Map(pub Vec<String>);

impl Map {
    pub fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md");
        Self::parse(&fs::read_to_string(path).unwrap())
    }

    pub fn parse(page: &str) -> Self {
        let block = page.split("```text\n").nth(1).and_then(|rest| rest.split("```").next());
        let first_words = block.unwrap_or_default().lines().filter_map(|line| line.split_whitespace().next());
        Self(
            first_words
                .filter(|word| word.ends_with(".rs") || word.ends_with('/'))
                .map(str::to_owned)
                .collect(),
        )
    }
}
