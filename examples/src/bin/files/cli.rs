//! The command line.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use clap::{Args, Parser, Subcommand};

use crate::{lines::Dialect, path::RelPath};

/// Directory trees of several nodes, listed, read and searched over grid.
#[derive(Debug, Parser)]
#[command(name = "files", version)]
pub(crate) struct Cli {
    /// The subcommand.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start three nodes in this process, split a directory among them, and list and search it over the network.
    Demo(Demo),
    /// Run one node: serve a directory until SIGINT or SIGTERM.
    Node(Node),
    /// List what is in and below a path, as `find` would.
    Ls(Ls),
    /// Print a file.
    Cat(Cat),
    /// Print the lines that match a pattern, as `LC_ALL=C grep -rnIE` would.
    Search(Search),
}

/// `files demo`.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The directory to share.
    #[arg(default_value = ".")]
    pub(crate) dir: PathBuf,
    /// The pattern to search for.
    #[arg(long, default_value = "fn ")]
    pub(crate) pattern: String,
}

/// `files node`.
#[derive(Debug, Args)]
pub(crate) struct Node {
    /// This node's name: the URL that the other nodes reach it under.
    #[arg(long, value_name = "URL")]
    pub(crate) name: String,
    /// The names of all nodes, this one included. Each must be given the same list.
    #[arg(long, value_name = "URL,URL,...", value_delimiter = ',', required = true)]
    pub(crate) hosts: Vec<String>,
    /// Where to listen, if not at the host and port of the name (behind a proxy, or on all interfaces).
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<String>,
    /// The directory to serve.
    #[arg(long, default_value = ".")]
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) secret: Secret,
}

/// Options of all nodes and consoles of a cluster.
#[derive(Debug, Args)]
pub(crate) struct Secret {
    /// The shared secret of the cluster; without one, no authentication. Prefer the variable: arguments show in `ps`.
    #[arg(long, value_name = "S", env = "FILES_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
}

/// Where the answer comes from.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Whom {
    /// Ask this node, which asks all nodes. Must equal the node's `--name`.
    #[arg(long, value_name = "URL")]
    pub(crate) via: Option<String>,
    /// Read this directory without a node. Prints the same as a node that serves it.
    #[arg(long, value_name = "PATH")]
    pub(crate) dir: Option<PathBuf>,
}

/// Options of the commands that ask a node.
#[derive(Debug, Args)]
pub(crate) struct Source {
    #[command(flatten)]
    pub(crate) whom: Whom,
    /// Ask only these nodes.
    #[arg(long, value_name = "URL", requires = "via")]
    pub(crate) node: Vec<String>,
    #[command(flatten)]
    pub(crate) secret: Secret,
}

/// `files ls`.
#[derive(Debug, Args)]
pub(crate) struct Ls {
    #[command(flatten)]
    pub(crate) source: Source,
    /// A path below the served directory; everything if missing.
    #[arg(default_value = "")]
    pub(crate) path: OsString,
}

/// `files cat`.
#[derive(Debug, Args)]
pub(crate) struct Cat {
    #[command(flatten)]
    pub(crate) source: Source,
    /// The file.
    pub(crate) path: OsString,
}

/// `files search`.
#[derive(Debug, Args)]
pub(crate) struct Search {
    #[command(flatten)]
    pub(crate) source: Source,
    /// A regular expression, as in `grep -E` (exactly: the syntax of Rust's regex crate, on bytes).
    pub(crate) pattern: String,
    /// A path below the served directory; everything if missing.
    #[arg(default_value = "")]
    pub(crate) path: OsString,
    /// The pattern is plain text.
    #[arg(short = 'F', long)]
    pub(crate) fixed: bool,
    /// Ignore case.
    #[arg(short = 'i', long)]
    pub(crate) ignore_case: bool,
}

impl Search {
    /// How to read the pattern.
    pub(crate) fn dialect(&self) -> Dialect {
        Dialect { fixed: self.fixed, ignore_case: self.ignore_case }
    }
}

/// Parses a path, which need not be UTF-8.
pub(crate) fn rel_path(typed: &OsStr) -> RelPath {
    Path::new(typed).into()
}
