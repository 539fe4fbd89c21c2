//! `grid man`.

use std::fs::create_dir_all;
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
    pub(super) fn run(&self, program: clap::Command) -> Result<(), Failure> {
        let written = create_dir_all(&self.folder)
            .and_then(|()| clap_mangen::generate_to(program, &self.folder));
        written.map_err(|error| {
            let folder = self.folder.display();
            Failure::Usage(format!("cannot write man pages to {folder}: {error}"))
        })
    }
}
