//! `ls`, `cat` and `search` with `--dir`: the same code that a node runs, without a network.
//!
//! For comparisons with `find` and `grep`, and to find out whether the tree or the network causes a difference.

use std::path::Path;

use crate::{
    cli::{Command, rel_path},
    error::FilesError,
    path::RelPath,
    print::Printer,
    search::search,
    tree::{READ_BYTES_MAX, Tree},
};

/// Runs `command` on the tree at `dir`.
pub(crate) fn run(dir: &Path, command: &Command, out: &mut Printer) -> Result<(), FilesError> {
    let tree = Tree::open(dir)?;
    match command {
        Command::Demo(_) | Command::Node(_) => Ok(()),
        Command::Ls(args) => tree.walk(&rel_path(&args.path), out),
        Command::Search(args) => {
            search(&tree, &rel_path(&args.path), &args.pattern, args.dialect(), out)
        }
        Command::Cat(args) => cat(&tree, &rel_path(&args.path), out),
    }
}

fn cat(tree: &Tree, path: &RelPath, out: &mut Printer) -> Result<(), FilesError> {
    let mut offset = 0;
    loop {
        let part = tree.read(path, offset, READ_BYTES_MAX as u64)?;
        if part.is_empty() || out.raw(&part).is_break() {
            return Ok(());
        }
        offset += part.len() as u64;
    }
}
