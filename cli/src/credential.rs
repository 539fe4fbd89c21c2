//! [`Credential`]: how a command proves who it is, besides a certificate.

use std::fs;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, Error, FromArgMatches};
use grid::{Builder, NoAuth, SharedSecret, StaticToken};

use crate::failure::Failure;

/// At most one of the options. One of the command line replaces what a variable has set: variables are set for all commands.
#[derive(Debug, Clone)]
pub(crate) enum Credential {
    None,
    Secret(String),
    SecretFile(PathBuf),
    Token(String),
}

#[derive(Args)]
struct Options {
    /// The shared secret of the grid. A command line is visible to others: prefer the variable or --secret-file.
    #[arg(long, global = true, env = "GRID_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// A file with the shared secret.
    #[arg(long, global = true, env = "GRID_SECRET_FILE", value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// A token that the grid accepts as it is.
    #[arg(long, global = true, env = "GRID_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

/// A credential that is given.
struct Given {
    id: &'static str,
    flag: &'static str,
    variable: &'static str,
    credential: Credential,
}

impl Credential {
    pub(crate) fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The file of the secret, which a context saves.
    ///
    /// # Errors
    /// [`Failure::Usage`] if a secret or a token is given as text.
    pub(crate) fn to_file(&self) -> Result<Option<PathBuf>, Failure> {
        match self {
            Self::None => Ok(None),
            Self::SecretFile(file) => Ok(Some(file.clone())),
            Self::Secret(_) | Self::Token(_) => Err(Failure::Usage(
                "a context has no secrets: put it into a file, and save --secret-file".to_owned(),
            )),
        }
    }

    /// What must not be shown to others.
    ///
    /// # Errors
    /// [`Failure::Usage`] if its file cannot be read.
    pub(crate) fn text(&self) -> Result<Option<String>, Failure> {
        match self {
            Self::None => Ok(None),
            Self::Secret(text) | Self::Token(text) => Ok(Some(text.clone())),
            Self::SecretFile(file) => match fs::read_to_string(file) {
                Ok(text) => Ok(Some(text.trim_end_matches(['\n', '\r']).to_owned())),
                Err(error) => Err(Failure::Usage(format!(
                    "cannot read the secret from {}: {error}",
                    file.display()
                ))),
            },
        }
    }

    /// A node or guest that has it.
    pub(crate) fn authenticate(&self, builder: Builder, text: Option<String>) -> Builder {
        match (self, text) {
            (Self::Token(_), Some(token)) => builder.token(StaticToken::new(token)),
            (_, Some(secret)) => builder.token(SharedSecret::new(secret)),
            (_, None) => builder.token(NoAuth),
        }
    }
}

impl Options {
    fn given(self) -> impl Iterator<Item = Given> {
        [
            ("secret", "--secret", "GRID_SECRET", self.secret.map(Credential::Secret)),
            (
                "secret_file",
                "--secret-file",
                "GRID_SECRET_FILE",
                self.secret_file.map(Credential::SecretFile),
            ),
            ("token", "--token", "GRID_TOKEN", self.token.map(Credential::Token)),
        ]
        .into_iter()
        .filter_map(|(id, flag, variable, credential)| {
            Some(Given { id, flag, variable, credential: credential? })
        })
    }
}

/// The one that applies.
fn choose(given: impl Iterator<Item = Given>, matches: &ArgMatches) -> Result<Credential, Error> {
    let is_flag = |given: &Given| matches.value_source(given.id) == Some(ValueSource::CommandLine);
    let (mut flags, mut variables): (Vec<_>, Vec<_>) = given.partition(is_flag);
    let conflict = |text| Err(Error::raw(ErrorKind::ArgumentConflict, text));
    match (&flags[..], &variables[..]) {
        ([one, other, ..], _) => conflict(format!(
            "{} and {} exclude each other: pass one of them",
            one.flag, other.flag
        )),
        ([], [one, other, ..]) => conflict(format!(
            "{} and {} are both set: unset one of them, or pass {} or {}",
            one.variable, other.variable, one.flag, other.flag
        )),
        _ => Ok(flags
            .pop()
            .or_else(|| variables.pop())
            .map_or(Credential::None, |given| given.credential)),
    }
}

impl FromArgMatches for Credential {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        choose(Options::from_arg_matches(matches)?.given(), matches)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Credential {
    fn augment_args(command: Command) -> Command {
        Options::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Options::augment_args_for_update(command)
    }
}
