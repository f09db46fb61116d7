//! A file of a set, before anybody has read what it says. Where it was found is for others to know.

/// One file of a set, in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// How it is called in messages. `….yaml` and `….yml` are policies; `….txt` and `….html` are
    /// templates, called by their file name.
    pub path: String,
    /// Its content.
    pub text: String,
}

impl SourceFile {
    /// What is after the last `/`.
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Whether it is a policy rather than a template.
    pub fn is_policy(&self) -> bool {
        self.path.ends_with(".yaml") || self.path.ends_with(".yml")
    }
}
