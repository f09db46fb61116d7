//! One reading of a JSON text (RFC 8259), or none: whatever two readers could take for different values
//! is refused. A value keeps the spelling of its numbers, so that the upstream gets the digits that were
//! judged.

use std::fmt::Write as _;

use super::{MAX_NAME, MAX_NAMES};

/// How deep arrays and objects may be nested.
const MAX_DEPTH: usize = 32;
/// Integers up to here are exact in every reader (2^53 - 1).
const MAX_EXACT: u64 = 9_007_199_254_740_991;
/// Decimal numbers of up to this many digits survive a reader that holds them in 64 bits.
const MAX_DIGITS: usize = 15;
/// The largest exponent, either way.
const MAX_EXPONENT: u32 = 30;

/// A JSON value in which no object has one name twice.
#[derive(Clone, PartialEq, Eq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, spelt as it came.
    Number(String),
    /// A string, unescaped.
    Text(String),
    /// An array.
    Array(Vec<Json>),
    /// An object, in the order of the text.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads one value and nothing after it.
    ///
    /// # Errors
    /// A sentence that says what is wrong and where. It holds nothing of the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader { text, at: 0 };
        reader.skip_space();
        let value = reader.value(0)?;
        reader.skip_space();
        match reader.peek() {
            None => Ok(value),
            Some(_) => Err(reader.complain("something follows the value")),
        }
    }

    /// The value's compact text.
    pub fn write(&self, text: &mut String) {
        match self {
            Self::Null => text.push_str("null"),
            Self::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
            Self::Number(digits) => text.push_str(digits),
            Self::Text(value) => write_string(value, text),
            Self::Array(values) => {
                text.push('[');
                for (place, value) in values.iter().enumerate() {
                    if place > 0 {
                        text.push(',');
                    }
                    value.write(text);
                }
                text.push(']');
            }
            Self::Object(members) => write_object(members, text),
        }
    }
}

impl std::fmt::Debug for Json {
    /// The shape only: a value may be a code.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(_) => f.write_str("bool"),
            Self::Number(_) => f.write_str("number"),
            Self::Text(_) => f.write_str("text"),
            Self::Array(values) => f.debug_list().entries(values).finish(),
            Self::Object(members) => {
                f.debug_map().entries(members.iter().map(|(name, value)| (name, value))).finish()
            }
        }
    }
}

/// The compact text of an object.
pub fn write_object(members: &[(String, Json)], text: &mut String) {
    text.push('{');
    for (place, (name, value)) in members.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        write_string(name, text);
        text.push(':');
        value.write(text);
    }
    text.push('}');
}

fn write_string(value: &str, text: &mut String) {
    text.push('"');
    for c in value.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            // Line separators end a line in some script readers.
            '\u{0}'..='\u{1f}' | '\u{7f}' | '\u{2028}' | '\u{2029}' => {
                // Writing to a string cannot fail.
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            _ => text.push(c),
        }
    }
    text.push('"');
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn complain(&self, what: &str) -> String {
        format!("the body is no valid JSON: {what} at byte {}", self.at)
    }

    fn value(&mut self, depth: usize) -> Result<Json, String> {
        match self.peek() {
            Some(b'{' | b'[') if depth >= MAX_DEPTH => {
                Err(self.complain(&format!("values are nested more than {MAX_DEPTH} deep")))
            }
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.array(depth + 1),
            Some(b'"') => self.string().map(Json::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(_) => Err(self.complain("there is no value")),
            None => Err(self.complain("the text ends too early")),
        }
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, String> {
        if !self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(self.complain("there is no value"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn array(&mut self, depth: usize) -> Result<Json, String> {
        self.at += 1;
        let mut values = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Json::Array(values));
        }
        loop {
            self.skip_space();
            values.push(self.value(depth)?);
            self.skip_space();
            match self.take() {
                Some(b',') => {}
                Some(b']') => return Ok(Json::Array(values)),
                _ => return Err(self.complain("`,` or `]` is missing")),
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, String> {
        self.at += 1;
        let mut members: Vec<(String, Json)> = Vec::new();
        let mut names = std::collections::HashSet::new();
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Json::Object(members));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.complain("a name in double quotes is missing"));
            }
            let name = self.string()?;
            if name.len() > MAX_NAME {
                return Err(self.complain(&format!("a name is longer than {MAX_NAME} bytes")));
            }
            if members.len() >= MAX_NAMES {
                return Err(self.complain(&format!("an object has more than {MAX_NAMES} members")));
            }
            if !names.insert(name.clone()) {
                return Err(self.complain("an object has one name twice"));
            }
            self.skip_space();
            if self.take() != Some(b':') {
                return Err(self.complain("`:` is missing"));
            }
            self.skip_space();
            members.push((name, self.value(depth)?));
            self.skip_space();
            match self.take() {
                Some(b',') => {}
                Some(b'}') => return Ok(Json::Object(members)),
                _ => return Err(self.complain("`,` or `}` is missing")),
            }
        }
    }

    fn string(&mut self) -> Result<String, String> {
        self.at += 1;
        let mut value = String::new();
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let plain = rest.find(|c: char| c == '"' || c == '\\' || c < ' ').unwrap_or(rest.len());
            value.push_str(rest.get(..plain).unwrap_or_default());
            self.at += plain;
            match self.take() {
                Some(b'"') => return Ok(value),
                Some(b'\\') => value.push(self.escaped()?),
                Some(_) => return Err(self.complain("a control character stands unescaped in a string")),
                None => return Err(self.complain("a string does not end")),
            }
        }
    }

    fn escaped(&mut self) -> Result<char, String> {
        match self.take() {
            Some(b'n') => Ok('\n'),
            Some(b't') => Ok('\t'),
            Some(b'r') => Ok('\r'),
            Some(b'b') => Ok('\u{8}'),
            Some(b'f') => Ok('\u{c}'),
            Some(plain @ (b'"' | b'\\' | b'/')) => Ok(char::from(plain)),
            Some(b'u') => self.code_point(),
            _ => Err(self.complain("an escape is unknown")),
        }
    }

    fn code_point(&mut self) -> Result<char, String> {
        let first = self.four_digits()?;
        let code = match first {
            0 => return Err(self.complain("a string holds the character U+0000")),
            0xd800..=0xdbff if self.take() == Some(b'\\') && self.take() == Some(b'u') => {
                let second = self.four_digits()?;
                match second {
                    0xdc00..=0xdfff => 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00),
                    _ => first,
                }
            }
            _ => first,
        };
        char::from_u32(code).ok_or_else(|| self.complain("half of a surrogate pair stands alone"))
    }

    fn four_digits(&mut self) -> Result<u32, String> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = self.take().and_then(|byte| char::from(byte).to_digit(16));
            value = value * 16 + digit.ok_or_else(|| self.complain("`\\u` needs four digits"))?;
        }
        Ok(value)
    }

    fn number(&mut self) -> Result<Json, String> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let end =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c))).unwrap_or(rest.len());
        let digits = rest.get(..end).unwrap_or_default();
        match judge_number(digits) {
            Ok(()) => {
                self.at += end;
                Ok(Json::Number(digits.to_owned()))
            }
            Err(reason) => Err(self.complain(reason)),
        }
    }
}

/// RFC 8259, section 6, and such that every reader gets the same value.
fn judge_number(text: &str) -> Result<(), &'static str> {
    let malformed = Err("a number is malformed");
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let all_digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !all_digits(whole) || (whole.len() > 1 && whole.starts_with('0')) || !fraction.is_none_or(all_digits) {
        return malformed;
    }
    if let Some(exponent) = exponent {
        let size = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if !all_digits(size) {
            return malformed;
        }
        if !size.parse::<u32>().is_ok_and(|size| size <= MAX_EXPONENT) {
            return Err("a number has a larger exponent than every reader takes");
        }
    }
    if text.starts_with('-') && !mantissa.bytes().any(|b| b.is_ascii_digit() && b != b'0') {
        return Err("a number is minus zero");
    }
    let is_exact = match (fraction, exponent) {
        (None, None) => whole.parse::<u64>().is_ok_and(|value| value <= MAX_EXACT),
        _ => whole.len() + fraction.map_or(0, str::len) <= MAX_DIGITS,
    };
    if is_exact { Ok(()) } else { Err("a number has more digits than every reader keeps") }
}

#[cfg(test)]
mod tests;
