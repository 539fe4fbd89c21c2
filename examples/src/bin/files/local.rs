//! `ls`, `cat` and `search` with `--dir`: the same code that a node runs, without the network between.
//!
//! Good for comparing with `find` and `grep`, and for telling whether a difference is the tree's or the network's.

use std::path::Path;

use crate::{
    cli::{Command, rel_path},
    error::FilesError,
    path::RelPath,
    print::Printer,
    search::search,
    tree::{READ_BYTES_MAX, Tree},
};

/// Does what `command` says with the tree at `dir`.
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
