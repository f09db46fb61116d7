//! Flags that several commands share: where the state is, the keys of the codes, and the two ways to
//! reach a deployment, through its admin listener or straight to its store.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use zeroize::Zeroizing;

use super::problems::FlagProblem;
use super::secret::{self, CodeKeys};
use super::typed::Typed;
use super::{StateTarget, duration, target};

/// Where the admin listener is when nobody says so.
pub const ADMIN: &str = "http://127.0.0.1:9145";

/// Where state is kept.
#[derive(Debug, Default, Args)]
pub struct StateFlags {
    // Before the flags that it asks about: they are taken out as they are read.
    #[command(flatten)]
    typed: Typed,

    /// Where state is kept: memory (one replica, lost at a restart), redis://user:pass@host:6379/0,
    /// rediss:// (TLS; more with ?ca=FILE, ?cert=FILE&key=FILE) or redis+unix:///path?db=0&user=…&pass=….
    #[arg(long, env = "OTP_SIDECAR_STATE", value_name = "URL", hide_env_values = true)]
    pub state: Option<String>,

    /// A file with what --state would say, so that a password shows in no process list.
    #[arg(long, env = "OTP_SIDECAR_STATE_FILE", value_name = "FILE")]
    pub state_file: Option<PathBuf>,
}

impl StateFlags {
    /// Whether the command line says it, rather than the environment.
    fn is_typed(&self) -> bool {
        self.typed.has("state") || self.typed.has("state-file")
    }

    /// Where state is kept; `None` when nobody says.
    ///
    /// # Errors
    /// With the flag that is wrong.
    pub fn target(self) -> Result<Option<StateTarget>, FlagProblem> {
        let text = self.typed.either("state", self.state, self.state_file)?;
        text.map(|text| target::state(&text).map_err(|problem| ("state".to_owned(), problem))).transpose()
    }
}

/// The keys of the codes.
#[derive(Debug, Clone, Default, Args)]
pub struct KeyFlags {
    #[command(flatten)]
    typed: Typed,

    /// Keys for the digests of codes: kid:base64,… (32 bytes each); the first signs, all verify
    /// [default: none; `serve` generates one with --state memory].
    #[arg(long, env = "OTP_SIDECAR_CODE_KEYS", value_name = "KEYS", hide_env_values = true)]
    pub code_keys: Option<String>,

    /// A file with what --code-keys would say.
    #[arg(long, env = "OTP_SIDECAR_CODE_KEYS_FILE", value_name = "FILE")]
    pub code_keys_file: Option<PathBuf>,
}

impl KeyFlags {
    /// What was said, unread.
    ///
    /// # Errors
    /// With the flag that is wrong.
    pub fn text(self) -> Result<Option<Zeroizing<String>>, FlagProblem> {
        self.typed.either("code-keys", self.code_keys, self.code_keys_file)
    }

    /// The keys, newest first; none when nobody says.
    ///
    /// # Errors
    /// With the flag that is wrong.
    pub fn keys(self) -> Result<CodeKeys, FlagProblem> {
        let keys = self.text()?.map(|text| secret::code_keys(&text)).transpose();
        keys.map(Option::unwrap_or_default).map_err(|problem| ("code-keys".to_owned(), problem))
    }
}

/// How a command reaches a deployment.
#[derive(Debug, Args)]
#[command(next_help_heading = "How to reach the sidecar, or its state")]
pub struct AccessFlags {
    #[command(flatten)]
    typed: Typed,

    /// The admin listener of a running sidecar.
    #[arg(long, env = "OTP_SIDECAR_ADMIN", default_value = ADMIN, value_name = "URL")]
    pub admin: String,

    /// A file with the admin token, which the sidecar was started with.
    #[arg(long, env = "OTP_SIDECAR_ADMIN_TOKEN_FILE", value_name = "FILE")]
    pub admin_token_file: Option<PathBuf>,

    /// Send the admin token to another machine without encryption, where everybody on the way can read it.
    #[arg(long)]
    pub insecure_http: bool,

    /// The state, to go there without a sidecar.
    #[command(flatten)]
    pub state: StateFlags,

    /// With --state: the policies in force there, a file or a folder of *.yaml.
    #[arg(long, env = "OTP_SIDECAR_POLICIES", default_value = "policies", value_name = "PATH")]
    pub policies: PathBuf,

    /// The keys of the codes there.
    #[command(flatten)]
    pub keys: KeyFlags,

    /// How long one answer may take.
    #[arg(long, default_value = "10s", value_name = "TIME")]
    pub timeout: String,
}

/// The ways that are tried, in this order.
#[derive(Debug)]
pub enum Way {
    /// The admin listener and nothing else.
    Admin(AdminSettings),
    /// The store and nothing else.
    Store(StoreSettings),
    /// The admin listener; if nothing answers there, the store, if the environment names one.
    Either(AdminSettings, Option<StoreSettings>),
}

/// How to ask an admin listener.
#[derive(Debug)]
pub struct AdminSettings {
    /// Where it is.
    pub url: url::Url,
    /// What to present.
    pub token: Option<Zeroizing<String>>,
    /// How long one answer may take.
    pub timeout: Duration,
}

/// How to ask a store without a sidecar.
#[derive(Debug)]
pub struct StoreSettings {
    /// Where state is kept.
    pub state: StateTarget,
    /// A policy file, or a folder of them.
    pub policies: PathBuf,
    /// The keys of the codes, newest first; perhaps none.
    pub keys: CodeKeys,
    /// How long one call may take.
    pub timeout: Duration,
}

impl AccessFlags {
    /// The keys of the codes; none when nobody says.
    ///
    /// # Errors
    /// A sentence that names the flag.
    pub fn code_keys(&self) -> Result<CodeKeys, String> {
        self.keys.clone().keys().map_err(|(flag, problem)| format!("--{flag}: {problem}"))
    }

    /// The ways to try. What was typed is taken at its word; the environment only says where to look.
    ///
    /// # Errors
    /// A sentence that names the flag.
    pub fn way(self) -> Result<Way, String> {
        let told = |(flag, problem): FlagProblem| format!("--{flag}: {problem}");
        let (admin_typed, state_typed) = (self.typed.has("admin"), self.state.is_typed());
        if admin_typed && state_typed {
            return Err(
                "--admin and --state are two ways to the same state: leave one of them out".to_owned()
            );
        }
        let timeout = duration::duration(&self.timeout).map_err(|problem| format!("--timeout: {problem}"))?;
        let store = |state| -> Result<StoreSettings, String> {
            Ok(StoreSettings {
                state,
                policies: self.policies,
                keys: self.keys.keys().map_err(told)?,
                timeout,
            })
        };
        if state_typed {
            let state = self.state.target().map_err(told)?;
            let state = state.ok_or("--state: write where the state is, such as redis://host:6379/0")?;
            return store(state).map(Way::Store);
        }
        let token = self.admin_token_file.as_deref().map(secret::from_file).transpose();
        let url = admin_url(&self.admin).map_err(|problem| format!("--admin: {problem}"))?;
        let token = token.map_err(|problem| format!("--admin-token-file: {problem}"))?;
        if token.is_some() && !self.insecure_http {
            keeps_secrets(&url).map_err(|problem| format!("--admin: {problem}"))?;
        }
        let admin = AdminSettings { url, token, timeout };
        if admin_typed {
            return Ok(Way::Admin(admin));
        }
        let state = self.state.target().map_err(told)?;
        Ok(Way::Either(admin, state.map(store).transpose()?))
    }
}

fn admin_url(text: &str) -> Result<url::Url, String> {
    let expected = "write http://127.0.0.1:9145";
    // Never repeated with a user name: what stands before the `@` may be a password.
    if text.contains('@') {
        return Err(format!("this has a user name: the token goes into --admin-token-file; {expected}"));
    }
    let url =
        url::Url::parse(text).map_err(|problem| format!("`{text}` is no URL ({problem}): {expected}"))?;
    let has_more = !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some();
    match (url.scheme(), url.host_str()) {
        ("http" | "https", Some(_)) if has_more => {
            Err(format!("`{text}` has more than a host and a port: {expected}"))
        }
        ("http" | "https", Some(_)) => Ok(url),
        _ => Err(format!("`{text}` is no admin listener: {expected}")),
    }
}

/// Whether nobody on the way to this address can read what is sent to it.
fn keeps_secrets(url: &url::Url) -> Result<(), String> {
    let is_here = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    };
    if url.scheme() == "https" || is_here {
        return Ok(());
    }
    Err(format!(
        "{url} is on another machine and not encrypted, so everybody on the way could read the admin token. Bring it \
         here with `kubectl port-forward POD 9145` and leave --admin out, or use https://, or accept it with \
         --insecure-http"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        access: AccessFlags,
    }

    fn way(arguments: &[&str]) -> Result<Way, String> {
        let line = std::iter::once("command").chain(arguments.iter().copied());
        Line::try_parse_from(line).unwrap().access.way()
    }

    #[test]
    fn what_is_typed_is_the_only_way() {
        assert!(matches!(way(&["--admin", "http://10.0.0.1:9145"]), Ok(Way::Admin(_))));
        assert!(matches!(way(&["--state", "redis://10.0.0.1"]), Ok(Way::Store(_))));
        assert!(matches!(way(&[]), Ok(Way::Either(_, None))));
        let both = way(&["--admin", "http://10.0.0.1:9145", "--state", "redis://10.0.0.1"]);
        assert!(both.unwrap_err().contains("leave one of them out"));
    }

    #[test]
    fn the_admin_token_goes_unencrypted_to_this_machine_only() {
        let token = std::env::temp_dir().join(format!("otp-sidecar-token-{}", std::process::id()));
        std::fs::write(&token, "a-token-of-these-tests").unwrap();
        let with_token = |url: &str, more: &[&str]| {
            let flags = ["--admin", url, "--admin-token-file", token.to_str().unwrap()];
            way(&[&flags, more].concat()).map(|_| ())
        };
        for here in
            ["http://127.0.0.1:9145", "http://127.9.9.9", "http://[::1]:9145", "http://LocalHost:9145"]
        {
            assert_eq!(with_token(here, &[]), Ok(()), "{here}");
        }
        assert_eq!(with_token("https://admin.example.com", &[]), Ok(()));
        for elsewhere in ["http://10.0.0.1:9145", "http://localhost.example.com", "http://[2001:db8::1]:9145"]
        {
            let problem = with_token(elsewhere, &[]).unwrap_err();
            assert!(problem.contains("port-forward") && problem.contains("--insecure-http"), "{problem}");
            assert!(!problem.contains("a-token-of"), "{problem}");
            assert_eq!(with_token(elsewhere, &["--insecure-http"]), Ok(()), "{elsewhere}");
            assert!(way(&["--admin", elsewhere]).is_ok(), "there is nothing to read");
        }
        std::fs::remove_file(token).unwrap();
    }

    #[test]
    fn what_is_typed_goes_before_what_the_environment_says() {
        let state = |typed: &[&str]| {
            let typed = Typed::these(typed);
            StateFlags { typed, state: Some("memory".to_owned()), state_file: Some("/nowhere".into()) }
                .target()
        };
        assert!(matches!(state(&["state"]), Ok(Some(StateTarget::Memory))));
        assert_eq!(state(&["state-file"]).unwrap_err().0, "state-file");
        for both in [&["state", "state-file"][..], &[]] {
            assert!(state(both).unwrap_err().1.contains("leave one of them out"));
        }
    }

    #[test]
    fn an_address_that_can_be_none_is_refused_without_repeating_a_password() {
        for (url, word) in [
            ("10.0.0.1:9145", "--admin"),
            ("http://10.0.0.1/metrics", "more than a host"),
            ("ftp://10.0.0.1", "no admin listener"),
            ("http://u:hunter2@10.0.0.1", "--admin-token-file"),
        ] {
            let problem = way(&["--admin", url]).unwrap_err();
            assert!(problem.contains(word) && !problem.contains("hunter2"), "{problem}");
        }
        assert!(way(&["--timeout", "0s"]).unwrap_err().contains("--timeout"));
        assert!(way(&["--state", "postgres://x"]).unwrap_err().contains("--state"));
    }
}
