//! What is wrong with a policy, where, and what to write instead.
//!
//! Problems are collected, never thrown: whoever reads a part of a policy reports to a
//! [`Collector`] and goes on. Rendering knows two forms, one for people and one for programs.

use std::cmp::Ordering;
use std::fmt;

use super::source::SourceFile;

/// A place in one of the files of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct At {
    /// Which file, counted from 0 in the order of the set.
    pub file: u32,
    /// The line, counted from 1.
    pub line: u32,
    /// The column in characters, counted from 1.
    pub column: u32,
    /// How many characters are meant. 0 when only the place is known.
    pub width: u32,
}

/// Whether a set can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, but it may not do what it seems to.
    Warning,
}

impl Severity {
    /// The word that opens a rendered diagnostic.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal,)*) => {
        /// The kind of a problem. Its text is stable: scripts may look for it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $($(#[doc = $doc])* $name,)*
        }

        impl Code {
            /// Every code, in the order of their texts.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The text, such as `P0101`. Errors begin with `P`, warnings with `W`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// One sentence about it.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc,)*).trim_ascii(),)* }
            }
        }
    };
}

codes! {
    /// The file is not well-formed YAML.
    Syntax = "P0001",
    /// The file is larger than 1 MiB, or nested or crowded beyond reason.
    TooLarge = "P0002",
    /// Anchors, aliases, tags, merge keys and further documents are not part of the language.
    Unsupported = "P0003",
    /// A key appears twice in one mapping.
    RepeatedKey = "P0004",
    /// A set has no policy file.
    NoFiles = "P0005",
    /// `version` is missing or not 1.
    Version = "P0006",
    /// A field that the language does not know.
    UnknownField = "P0101",
    /// A required field is missing.
    MissingField = "P0102",
    /// A list stands where a mapping belongs, or the like.
    WrongShape = "P0103",
    /// A list or a text that must not be empty is.
    Empty = "P0104",
    /// Not a whole number, or outside of the allowed range.
    Number = "P0201",
    /// Not a length of time, or outside of the allowed range.
    Span = "P0202",
    /// Not one of the words that are possible here.
    Word = "P0203",
    /// Not a name.
    Name = "P0204",
    /// Not a selector such as `request.body.amount`.
    Selector = "P0205",
    /// Not a path that a route can have.
    Path = "P0206",
    /// Not an HTTP method.
    Method = "P0207",
    /// Not a header name, or one that cannot be taken away.
    Header = "P0208",
    /// Not a network such as `10.0.0.0/8`.
    Network = "P0209",
    /// Not an origin such as `https://shop.example`.
    Origin = "P0210",
    /// Not an `http` or `https` URL.
    Url = "P0211",
    /// Not a share such as `1%`.
    Share = "P0212",
    /// A limit that nothing defines.
    UnknownLimit = "P0301",
    /// A purpose that nothing defines.
    UnknownPurpose = "P0302",
    /// A claim that `identity.jwt.claims` does not name.
    UnknownClaim = "P0303",
    /// A template that is neither in `templates/` nor built in.
    UnknownTemplate = "P0304",
    /// A template that cannot be used.
    BadTemplate = "P0305",
    /// A name or a section that is defined twice.
    DefinedTwice = "P0306",
    /// A limit, a path, a method or another entry that one list names twice.
    ListedTwice = "P0307",
    /// `none` as an algorithm.
    AlgorithmNone = "P0401",
    /// Algorithms that need different kinds of keys.
    MixedAlgorithms = "P0402",
    /// A key that does not fit the algorithms.
    KeyKind = "P0403",
    /// `key` has none or several of `env`, `file` and `jwks_url`.
    KeySource = "P0404",
    /// An environment variable or a file that holds the key cannot be read.
    KeyUnreadable = "P0405",
    /// No claim is the subject.
    NoSubject = "P0406",
    /// `everyone` next to another key of a limit.
    Everyone = "P0501",
    /// A limit is used where what it counts by is not known.
    LimitPlace = "P0502",
    /// Numbers of one section contradict each other.
    Contradiction = "P0503",
    /// A limit that is to count failures but would count every request.
    CountsAll = "P0504",
    /// A set has no route.
    NoRoutes = "P0601",
    /// A route does nothing, or two things.
    Action = "P0602",
    /// Two routes can match one request.
    Overlap = "P0603",
    /// A recipient that is not a claim of the caller's token.
    Recipient = "P0604",
    /// A selector that looks in the wrong place.
    WrongSource = "P0605",
    /// Two routes on one path treat it differently.
    Disagreement = "P0606",
    /// A limit that nothing uses.
    UnusedLimit = "W0101",
    /// A limit that can never refuse anything.
    IdleLimit = "W0102",
    /// A limit by address although no proxy is trusted.
    ClientWithoutProxies = "W0103",
    /// A purpose of which a caller can have codes sent without end.
    EndlessCodes = "W0104",
    /// A purpose that no route issues or sends codes for.
    IdlePurpose = "W0201",
    /// A lockout or a code whose numbers defeat each other.
    IdleRule = "W0202",
    /// A lock that is over before what it is to protect.
    ShortLock = "W0203",
    /// A purpose whose codes no route takes.
    UncheckedPurpose = "W0204",
    /// An HMAC secret shorter than 32 bytes.
    ShortSecret = "W0401",
    /// A key set that is fetched without TLS.
    PlainJwks = "W0402",
    /// A template that nothing uses.
    UnusedTemplate = "W0301",
    /// A route that selects from a body although its methods have none.
    Bodiless = "W0601",
    /// A path under `unprotect` that is still protected.
    StillProtected = "W0602",
    /// One of several `verify` routes that takes codes of every purpose.
    TakesAll = "W0603",
}

impl Code {
    /// Whether it stops a set from being used.
    pub fn severity(self) -> Severity {
        if self.as_str().starts_with('W') { Severity::Warning } else { Severity::Error }
    }
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Its kind.
    pub code: Code,
    /// The file's path, as the set was given it. Empty when the problem is not in any one file.
    pub file: String,
    /// The place in that file.
    pub at: Option<At>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub advice: Option<String>,
    /// A second place that belongs to it, already written out.
    pub related: Option<String>,
    /// The line of the file that the place is in, without its end.
    pub line: String,
    related_at: Option<(At, &'static str)>,
}

impl Diagnostic {
    /// Says what to write instead.
    pub fn advise(&mut self, advice: impl Into<String>) -> &mut Self {
        self.advice = Some(advice.into());
        self
    }

    /// Points at a second place; `why` says what is there.
    pub fn also(&mut self, at: At, why: &'static str) -> &mut Self {
        self.related_at = Some((at, why));
        self
    }

    /// The form for programs.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "severity": self.code.severity().as_str(),
            "code": self.code.as_str(),
            "file": self.file,
            "line": self.at.map(|at| at.line),
            "column": self.at.map(|at| at.column),
            "message": self.message,
            "advice": self.advice,
            "related": self.related,
        })
    }

    fn excerpt(&self, f: &mut fmt::Formatter<'_>, at: At) -> fmt::Result {
        const WIDEST: usize = 160;
        let number = at.line.to_string();
        let margin = " ".repeat(number.len());
        writeln!(f, "{margin}--> {}:{}:{}", self.file, at.line, at.column)?;
        if self.line.trim().is_empty() {
            return Ok(());
        }
        let column = (at.column as usize).saturating_sub(1);
        let skipped = column.saturating_sub(WIDEST / 2);
        let line = covered(&self.line);
        let shown: String = line.chars().skip(skipped).take(WIDEST).map(printable).collect();
        let carets =
            (at.width.max(1) as usize).min(shown.chars().count().saturating_sub(column - skipped).max(1));
        writeln!(f, "{margin} |\n{number} | {}", shown.trim_end())?;
        writeln!(f, "{margin} | {}{}", " ".repeat(column - skipped), "^".repeat(carets))
    }
}

/// Tabs keep carets in place as one blank; control characters must not reach a terminal.
fn printable(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

/// A line with as many asterisks in place of what URLs in it carry before the host and after the path:
/// it may be a password, and diagnostics are logged.
fn covered(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, url)) = rest.split_once("://") {
        let end = url.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')).unwrap_or(url.len());
        let (url, after) = url.split_at(end);
        let (user, place) = url.split_at(url.rfind('@').unwrap_or_default());
        let (place, query) = place.split_at(place.find('?').unwrap_or(place.len()));
        let stars = |text: &str| "*".repeat(text.chars().count());
        shown.extend([before, "://", &stars(user), place, &stars(query)]);
        rest = after;
    }
    shown + rest
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}[{}]: {}", self.code.severity().as_str(), self.code.as_str(), self.message)?;
        if let Some(at) = self.at {
            self.excerpt(f, at)?;
        }
        if let Some(related) = &self.related {
            writeln!(f, " = see {related}")?;
        }
        if let Some(advice) = &self.advice {
            writeln!(f, " = {advice}")?;
        }
        Ok(())
    }
}

/// Problems in the order of their places.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diagnostics {
    shown: Vec<Diagnostic>,
    left_out: usize,
}

/// More problems than this are only counted: nobody reads them, and a hostile file must not make a
/// report that is far larger than itself.
const MOST: usize = 100;

impl Diagnostics {
    /// One after the other; of very many, the first.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.shown.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// How many there are, those that are only counted included.
    pub fn len(&self) -> usize {
        self.shown.len() + self.left_out
    }

    /// The form for programs: a list.
    pub fn to_json(&self) -> serde_json::Value {
        self.shown.iter().map(Diagnostic::to_json).collect()
    }

    /// One line for a log: how many, and the first with its place.
    pub fn summary(&self) -> String {
        let Some(first) = self.shown.first() else { return "no problems".to_owned() };
        let place = first.at.map(|at| format!(" at {}:{}:{}", first.file, at.line, at.column));
        let more = match self.len() {
            1 => String::new(),
            n => format!(" (and {} more)", n - 1),
        };
        format!("{}: {}{}{more}", first.code.as_str(), first.message, place.unwrap_or_default())
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.shown.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{diagnostic}")?;
        }
        if self.left_out > 0 {
            writeln!(f, "\n… and {} more", self.left_out)?;
        }
        Ok(())
    }
}

/// Where problems are reported to while a set is read.
#[derive(Debug)]
pub struct Collector<'a> {
    files: &'a [SourceFile],
    found: Vec<Diagnostic>,
}

impl<'a> Collector<'a> {
    /// Nothing found yet in `files`.
    pub fn new(files: &'a [SourceFile]) -> Self {
        Self { files, found: Vec::new() }
    }

    /// Reports a problem at a place.
    pub fn report(&mut self, code: Code, at: At, message: impl Into<String>) -> &mut Diagnostic {
        self.push(code, Some(at), message.into())
    }

    /// Reports a problem of the whole set.
    pub fn report_set(&mut self, code: Code, message: impl Into<String>) -> &mut Diagnostic {
        self.push(code, None, message.into())
    }

    fn push(&mut self, code: Code, at: Option<At>, message: String) -> &mut Diagnostic {
        let (file, line) = (String::new(), String::new());
        let diagnostic =
            Diagnostic { code, file, at, message, advice: None, related: None, line, related_at: None };
        let index = self.found.len();
        self.found.push(diagnostic);
        &mut self.found[index]
    }

    /// How many problems were reported so far.
    pub fn count(&self) -> usize {
        self.found.len()
    }

    /// Adds to the advice of the latest problem where its bound comes from.
    pub fn cite(&mut self, source: &str) {
        if let Some(advice) = self.found.last_mut().and_then(|latest| latest.advice.as_mut()) {
            advice.push_str(&format!(" ({source})"));
        }
    }

    /// Whether anything was reported that stops the set from being used.
    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|d| d.code.severity() == Severity::Error)
    }

    /// Everything reported, in the order of the places, with files and lines written out.
    pub fn finish(mut self) -> Diagnostics {
        if self.found.is_empty() {
            return Diagnostics::default();
        }
        self.found.sort_by(|a, b| match (a.at, b.at) {
            (Some(a), Some(b)) => a.cmp(&b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        });
        let left_out = self.found.len().saturating_sub(MOST);
        self.found.truncate(MOST);
        let lines: Vec<Vec<&str>> = self.files.iter().map(|file| file.text.lines().collect()).collect();
        for diagnostic in &mut self.found {
            if let Some(at) = diagnostic.at {
                diagnostic.file = path_of(self.files, at);
                let line =
                    lines.get(at.file as usize).and_then(|l| l.get(at.line.saturating_sub(1) as usize));
                diagnostic.line = line.map(|l| l.chars().take(LONGEST_LINE).collect()).unwrap_or_default();
            }
            if let Some((at, why)) = diagnostic.related_at {
                let path = path_of(self.files, at);
                diagnostic.related = Some(format!("{path}:{}:{} ({why})", at.line, at.column));
            }
        }
        Diagnostics { shown: self.found, left_out }
    }
}

/// Longer lines are cut, so that one absurd file cannot multiply itself in memory.
const LONGEST_LINE: usize = 2_000;

fn path_of(files: &[SourceFile], at: At) -> String {
    files.get(at.file as usize).map(|file| file.path.clone()).unwrap_or_default()
}
