//! The program, run to its end, and what it printed compared with golden files.
//!
//! `UPDATE_GOLDEN=1` writes the expected texts under `tests/data/cli` anew.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use regex::Regex;
use serde_json::Value;

/// One run of a command.
pub struct Program {
    command: Command,
    input: Vec<u8>,
}

/// How it ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs `otp-sidecar` with these arguments, in the repository, without variables of its own.
pub fn run(arguments: &[&str]) -> Ran {
    Program::new(arguments).run()
}

impl Program {
    /// `otp-sidecar` with these arguments, in the repository, without variables of its own.
    pub fn new(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_otp-sidecar"));
        command.args(arguments).env_clear().current_dir(env!("CARGO_MANIFEST_DIR"));
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        Self { command, input: Vec::new() }
    }

    pub fn argument(mut self, argument: &str) -> Self {
        self.command.arg(argument);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn envs(mut self, variables: &[(&str, &str)]) -> Self {
        self.command.envs(variables.iter().copied());
        self
    }

    /// Gives it something on its standard input.
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Runs it.
    pub fn run(mut self) -> Ran {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().expect("the program runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        // On a thread of its own: it may print before it has read everything, or end without reading.
        let writer = std::thread::spawn(move || stdin.write_all(&self.input).is_ok());
        let output = child.wait_with_output().expect("the program ends");
        writer.join().expect("the input is written");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        let code = output.status.code().expect("it ends by itself");
        Ran { code, out: text(output.stdout), err: text(output.stderr) }
    }

    /// Runs it while the servers of the test go on.
    pub async fn finished(self) -> Ran {
        tokio::task::spawn_blocking(|| self.run()).await.expect("the program runs")
    }
}

impl Ran {
    /// Its output as the one JSON document that it must be.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// Asserts that it ended with 2 and an error with this word on standard error, and printed nothing else.
    pub fn assert_refused(&self, word: &str) {
        assert_eq!((self.code, self.out.as_str()), (2, ""), "{self:#?}");
        assert!(
            self.err.starts_with("error: ") && self.err.contains(word),
            "{word:?} is not in {}",
            self.err
        );
    }
}

/// Compares a text with a file below `tests/data/cli`. With `UPDATE_GOLDEN` set, the file is written.
pub fn assert_golden(name: &str, text: &str) {
    let path = golden(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("the folder of golden files");
        std::fs::write(&path, text).expect("a golden file");
    }
    let expected =
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(text == expected, "{} differs. It is now:\n{text}\nand was:\n{expected}", path.display());
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cli").join(name)
}

/// The same text on every run: times, ports, dates and references become words.
pub fn steady(text: &str) -> String {
    let mut text = text.to_owned();
    for (pattern, word) in [
        (r"\b\d+(\.\d+)? ms *", "TIME  "),
        (r"(127\.0\.0\.1|localhost):\d+", "$1:PORT"),
        (r"localhost (\d+)", "localhost PORT"),
        (r"[Pp]ort \d{4,5}", "port PORT"),
        (
            r"\d\d? (January|February|March|April|May|June|July|August|September|October|November|December) \d{4}, \d\d:\d\d",
            "DATE",
        ),
        (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "DATE"),
        (r"TIME +\n", "TIME\n"),
        (r"dns( +)TIME .*", "dns${1}TIME  ADDRESSES"),
        (r"pending for \d+ s", "pending for SECONDS s"),
    ] {
        text = Regex::new(pattern).expect("a pattern").replace_all(&text, word).into_owned();
    }
    // The columns are as wide as the widest time.
    Regex::new(r" {2,}").expect("a pattern").replace_all(&text, "  ").into_owned()
}
