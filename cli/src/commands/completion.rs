//! `grid completion`.

use clap::Args;
use clap_complete::{Shell, generate};

use crate::failure::Failure;

/// Prints a completion script for a shell.
#[derive(Debug, Args)]
pub struct Completion {
    shell: Shell,
}

impl Completion {
    pub(super) fn run(self, mut program: clap::Command) -> Result<(), Failure> {
        let mut script = Vec::new();
        let name = program.get_name().to_owned();
        generate(self.shell, &mut program, name, &mut script);
        Ok(std::io::Write::write_all(&mut std::io::stdout(), &script)?)
    }
}
