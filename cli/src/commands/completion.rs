//! `grid completion`.

use clap::{Args, CommandFactory as _, Parser};
use clap_complete::{Shell, generate};

use super::Command;
use crate::connect::Global;
use crate::failure::Failure;

/// Prints a completion script for a shell.
#[derive(Debug, Args)]
pub struct Completion {
    shell: Shell,
}

/// All commands, as the program `grid` has them.
#[derive(Debug, Parser)]
#[command(name = "grid")]
struct Whole {
    #[command(flatten)]
    _global: Global,
    #[command(subcommand)]
    _command: Command,
}

impl Completion {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut script = Vec::new();
        generate(self.shell, &mut Whole::command(), "grid", &mut script);
        Ok(std::io::Write::write_all(&mut std::io::stdout(), &script)?)
    }
}
