//! How the demo shows what happens: requests, answers and mails as text for a person.
//!
//! Decides nothing and prints nowhere by itself: it writes to what it is given.

use std::io::{self, Write};

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::mail::Mail;

/// Where the demo writes, with or without colours.
pub struct Page<'a> {
    out: &'a mut (dyn Write + Send),
    colour: bool,
}

#[derive(Clone, Copy)]
enum Tone {
    Bold,
    Dim,
    Good,
    Bad,
    Mail,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Good => "32",
            Self::Bad => "33",
            Self::Mail => "36",
        }
    }
}

/// The headers of an answer that tell a person something here.
const TELLING: [&str; 6] = [
    "retry-after",
    "www-authenticate",
    "allow",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
];

impl<'a> Page<'a> {
    /// Writes to `out`; `colour` only if that is a terminal.
    pub fn new(out: &'a mut (dyn Write + Send), colour: bool) -> Self {
        Self { out, colour }
    }

    fn toned(&self, tone: Tone, text: &str) -> String {
        if self.colour { format!("\u{1b}[{}m{text}\u{1b}[0m", tone.code()) } else { text.to_owned() }
    }

    /// The title of a step, and a sentence about why it is there.
    ///
    /// # Errors
    /// When the text cannot be written.
    pub fn step(&mut self, number: usize, title: &str, why: &str) -> io::Result<()> {
        let title = self.toned(Tone::Bold, &format!("{number}. {title}"));
        writeln!(self.out, "\n{title}")?;
        if !why.is_empty() {
            let why = self.toned(Tone::Dim, why);
            writeln!(self.out, "   {why}")?;
        }
        Ok(())
    }

    /// A request. A bearer token is shown as its beginning.
    ///
    /// # Errors
    /// When the text cannot be written.
    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> io::Result<()> {
        let line = self.toned(Tone::Bold, &format!("{method} {path}"));
        writeln!(self.out, "   --> {line}")?;
        if let Some(token) = token {
            let line = self.toned(Tone::Dim, &format!("Authorization: Bearer {}", shortened(token)));
            writeln!(self.out, "       {line}")?;
        }
        self.body(body)
    }

    /// An answer, with the headers that tell something.
    ///
    /// # Errors
    /// When the text cannot be written.
    pub fn answer(&mut self, status: StatusCode, headers: &HeaderMap, body: &Value) -> io::Result<()> {
        let tone = if status.is_success() { Tone::Good } else { Tone::Bad };
        let line = self.toned(tone, &status.to_string());
        writeln!(self.out, "   <-- {line}")?;
        for name in TELLING {
            if let Some(value) = headers.get(name).and_then(|value| value.to_str().ok()) {
                let line = self.toned(Tone::Dim, &format!("{name}: {value}"));
                writeln!(self.out, "       {line}")?;
            }
        }
        self.body(Some(body))
    }

    fn body(&mut self, body: Option<&Value>) -> io::Result<()> {
        let Some(body) = body.filter(|body| !body.is_null()) else {
            return Ok(());
        };
        let mut body = body.clone();
        if let Some(Value::String(token)) = body.get_mut("token") {
            *token = shortened(token);
        }
        for line in format!("{body:#}").lines() {
            writeln!(self.out, "       {line}")?;
        }
        Ok(())
    }

    /// A mail, in a box.
    ///
    /// # Errors
    /// When the text cannot be written.
    pub fn mail(&mut self, mail: &Mail) -> io::Result<()> {
        let mut lines =
            vec![format!("To: {}", mail.to.join(", ")), format!("Subject: {}", mail.subject), String::new()];
        lines.extend(mail.text.lines().map(|line| line.trim_end().replace('\t', "    ")));
        let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or_default();
        let rule = self.toned(Tone::Mail, &format!("+{}+", "-".repeat(width + 2)));
        let side = self.toned(Tone::Mail, "|");
        writeln!(self.out, "   {rule}")?;
        for line in lines {
            writeln!(self.out, "   {side} {line:width$} {side}")?;
        }
        writeln!(self.out, "   {rule}")
    }

    /// A sentence.
    ///
    /// # Errors
    /// When the text cannot be written.
    pub fn say(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "   {text}")
    }
}

/// The beginning of a token: enough to see that it is one, too little to use it.
fn shortened(token: &str) -> String {
    format!("{}...", token.chars().take(12).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn written(write: impl FnOnce(&mut Page<'_>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut Page::new(&mut out, false)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_token_is_shown_as_its_beginning_wherever_it_stands() {
        let token = "eyJhbGciOiJIUzI1NiJ9.payload.signature";
        let page = written(|page| {
            page.request("GET", "/", Some(token), None)?;
            page.answer(StatusCode::OK, &HeaderMap::new(), &json!({ "token": token }))
        });
        assert_eq!(page.matches("eyJhbGciOiJI...").count(), 2, "{page}");
        assert!(!page.contains("payload"), "{page}");
    }

    #[test]
    fn the_box_around_a_mail_closes_around_its_widest_line() {
        let mail = Mail::parse("a@b", &["c@d".to_owned()], b"Subject: Hi\r\n\r\nthe widest line of all\r\n");
        let page = written(|page| page.mail(&mail));
        let widths: Vec<usize> = page.lines().map(|line| line.chars().count()).collect();
        assert!(widths.windows(2).all(|pair| pair[0] == pair[1]), "{page}");
    }

    #[test]
    fn colours_are_only_there_when_asked_for() {
        let mut out = Vec::new();
        Page::new(&mut out, true).step(1, "Title", "why").unwrap();
        assert!(String::from_utf8(out).unwrap().contains("\u{1b}[1m1. Title\u{1b}[0m"));
        assert!(!written(|page| page.step(1, "Title", "why")).contains('\u{1b}'));
    }
}
