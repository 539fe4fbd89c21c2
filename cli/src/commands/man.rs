//! `grid man`.

use std::path::PathBuf;

use clap::Args;

use crate::failure::Failure;

/// Writes man pages of all commands into a folder.
#[derive(Debug, Args)]
pub struct Man {
    /// The folder, such as /usr/local/share/man/man1.
    folder: PathBuf,
}

impl Man {
    pub(super) fn run(&self, command: clap::Command) -> Result<(), Failure> {
        std::fs::create_dir_all(&self.folder)?;
        Ok(clap_mangen::generate_to(command, &self.folder)?)
    }
}
