//! Selectors: which value of a request, a token or an answer a rule means.

use std::fmt;

/// Where a selected value is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// `request.body.…`: the judged body, JSON or form.
    Body,
    /// `request.query.…`: the query of the target.
    Query,
    /// `claims.…`: a claim named under `identity.jwt.claims`.
    Claims,
    /// `response.body.…`: the upstream's JSON answer.
    Answer,
}

impl Source {
    const PREFIXES: [(&'static str, Self); 4] = [
        ("request.body.", Self::Body),
        ("request.query.", Self::Query),
        ("claims.", Self::Claims),
        ("response.body.", Self::Answer),
    ];

    /// The prefix as written in policies, with its final dot.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Body => "request.body.",
            Self::Query => "request.query.",
            Self::Claims => "claims.",
            Self::Answer => "response.body.",
        }
    }
}

/// A selector such as `request.body.amount` or `response.body.data.reference`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Field {
    /// Where to look.
    pub source: Source,
    /// The names to follow. Exactly one for queries and claims.
    pub path: Vec<String>,
}

/// Why a text is no selector, as a sentence that says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidField(pub String);

impl Field {
    /// Reads a selector.
    ///
    /// # Errors
    /// When the source is unknown or a name is missing or not made of letters, digits, `_` and `-`.
    pub fn parse(text: &str) -> Result<Self, InvalidField> {
        let found = Source::PREFIXES
            .iter()
            .find_map(|(prefix, source)| text.strip_prefix(prefix).map(|names| (*source, names)));
        let Some((source, names)) = found else {
            return Err(InvalidField(format!(
                "`{text}` selects nothing: write request.body.…, request.query.…, claims.… or response.body.…"
            )));
        };
        let path: Vec<String> = names.split('.').map(str::to_owned).collect();
        let is_name = |name: &String| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        };
        if !path.iter().all(is_name) {
            return Err(InvalidField(format!(
                "`{text}` has an empty or unusual name: use letters, digits, '_' and '-' between single dots"
            )));
        }
        if path.len() > 1 && matches!(source, Source::Query | Source::Claims) {
            return Err(InvalidField(format!(
                "`{text}` goes too deep: `{}` takes one name",
                source.prefix().trim_end_matches('.')
            )));
        }
        Ok(Self { source, path })
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.source.prefix(), self.path.join("."))
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_read_back_as_written() {
        for text in
            ["request.body.amount", "request.query.purpose", "claims.email", "response.body.data.ref_1"]
        {
            assert_eq!(Field::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn broken_selectors_say_what_to_write() {
        for text in
            ["", "body.amount", "request.body.", "request.body.a..b", "claims.a.b", "request.body.a b"]
        {
            assert!(!Field::parse(text).unwrap_err().0.is_empty(), "{text:?} was taken");
        }
    }
}
