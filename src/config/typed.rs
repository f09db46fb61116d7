//! What was typed on the command line, rather than found in the environment: that goes first.

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use zeroize::Zeroizing;

use super::problems::FlagProblem;
use super::secret;

/// The flags that were typed, by their names without the dashes. Flattened into a struct of flags, it must come
/// before those that it is asked about: they are taken out as they are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Typed(Vec<String>);

impl Typed {
    /// Whether this one was.
    pub fn has(&self, flag: &str) -> bool {
        self.0.iter().any(|typed| typed == flag)
    }

    /// A secret is given by a flag or by its `-file`, not by both. The environment may say one of them and the
    /// command line the other, as in a pod: then what was typed counts.
    ///
    /// # Errors
    /// With the flag that is wrong.
    pub fn either(
        &self,
        flag: &str,
        value: Option<String>,
        file: Option<PathBuf>,
    ) -> Result<Option<Zeroizing<String>>, FlagProblem> {
        let (value_typed, file_typed) = (self.has(flag), self.has(&format!("{flag}-file")));
        match (value.map(Zeroizing::new), file) {
            (Some(_), Some(_)) if value_typed == file_typed => {
                Err((flag.to_owned(), format!("given together with --{flag}-file; leave one of them out")))
            }
            (Some(value), file) if file.is_none() || value_typed => Ok(Some(value)),
            (_, Some(path)) => {
                secret::from_file(&path).map(Some).map_err(|problem| (format!("{flag}-file"), problem))
            }
            (_, None) => Ok(None),
        }
    }

    /// As if these had been typed.
    #[cfg(test)]
    pub fn these(flags: &[&str]) -> Self {
        Self(flags.iter().map(|flag| (*flag).to_owned()).collect())
    }
}

impl FromArgMatches for Typed {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let is_typed = |name: &str| matches.value_source(name) == Some(ValueSource::CommandLine);
        let ids = matches.ids().map(clap::Id::as_str).filter(|name| is_typed(name));
        Ok(Self(ids.map(|name| name.replace('_', "-")).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Typed {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}
