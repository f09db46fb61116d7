//! What a mail says.

/// (under construction)
#[derive(Debug)]
pub struct Template;

/// (under construction)
#[derive(Debug)]
pub struct TemplateError {
    /// Where, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl Template {
    /// (under construction)
    ///
    /// # Errors
    /// None yet.
    pub fn compile(_: &str, text: &str, _: Option<&str>) -> Result<Self, TemplateError> {
        if text.starts_with("Subject:") {
            Ok(Self)
        } else {
            Err(TemplateError { line: 1, message: "no subject".to_owned() })
        }
    }

    /// (under construction)
    pub fn builtin_code() -> Self {
        Self
    }

    /// (under construction)
    pub fn builtin_lock_notice() -> Self {
        Self
    }
}
