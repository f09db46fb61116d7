//! Who changes something, and why: what every command that changes state must be told.

use clap::Args;
use serde_json::Value;

use super::argument;

/// Who and why.
#[derive(Debug, Args)]
pub(super) struct ChangeFlags {
    /// Why: one line, such as a ticket. It is kept with the change; write no codes or addresses into it.
    #[arg(long, value_name = "TEXT", value_parser = argument::note)]
    reason: String,

    /// Who [default: this system's user and host].
    #[arg(long, env = "OTP_SIDECAR_OPERATOR", value_name = "NAME", value_parser = argument::note)]
    by: Option<String>,
}

impl ChangeFlags {
    /// For a command with flags of its own for both.
    pub(super) fn new(reason: String, by: Option<String>) -> Self {
        Self { reason, by }
    }

    /// Adds both to a request.
    pub(super) fn add_to(self, request: &mut Value) {
        let by = self.by.unwrap_or_else(|| someone(&|name| std::env::var(name).ok()));
        if let Some(fields) = request.as_object_mut() {
            fields.insert("reason".to_owned(), Value::from(self.reason));
            fields.insert("by".to_owned(), Value::from(by));
        }
    }
}

/// `ada on laptop`, as far as the environment tells. It is a hint and no proof: whoever has the admin
/// token may say anything.
pub(super) fn someone(env: &dyn Fn(&str) -> Option<String>) -> String {
    let known = |names: &[&str]| {
        let found = names.iter().find_map(|name| env(name).filter(|value| !value.trim().is_empty()));
        found.map(|value| value.chars().filter(|c| !c.is_control()).take(64).collect::<String>())
    };
    let user = known(&["SUDO_USER", "USER", "LOGNAME"]).unwrap_or_else(|| "unknown user".to_owned());
    let host = known(&["HOSTNAME", "HOST"]).or_else(host);
    match host {
        Some(host) => format!("{user} on {host}"),
        None => user,
    }
}

/// The name that Linux tells everybody.
fn host() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name: String = name.trim().chars().filter(|c| !c.is_control()).take(64).collect();
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_says_nothing_is_named_by_user_and_host() {
        let env = |name: &str| match name {
            "USER" => Some("ada".to_owned()),
            "HOSTNAME" => Some("laptop".to_owned()),
            _ => None,
        };
        assert_eq!(someone(&env), "ada on laptop");
        let long = |name: &str| Some(format!("{name}\n{}", "x".repeat(500)));
        assert!(someone(&long).len() < 256 && !someone(&long).contains('\n'));
        assert!(someone(&|_| None).starts_with("unknown user"));
    }
}
