//! What can go wrong with a request about files, as the asking side sees it.
//!
//! One enum for both services: it crosses the wire as data, so causes are texts here, not `std::io::Error`s.
//! What goes wrong on the way (no connection, deadline) is not here: that is the library's `CallError`.

use std::{error::Error, io};

use serde::{Deserialize, Serialize};

use crate::path::RelPath;

/// The error of every method of `Files` and `Ask`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub(crate) enum FilesError {
    /// Nothing of that name, or not in this node's share of the tree.
    #[error("{path}: no such file or directory")]
    NotFound {
        /// As asked for.
        path: RelPath,
    },
    /// The path leads out of the served directory: `..`, an absolute path, or a symlink.
    #[error("{path}: outside of the served directory")]
    Denied {
        /// As asked for.
        path: RelPath,
    },
    /// Only regular files have content that can be read.
    #[error("{path}: not a regular file")]
    NotAFile {
        /// As asked for.
        path: RelPath,
    },
    /// The operating system refused.
    #[error("{path}: {reason}")]
    Io {
        /// As asked for.
        path: RelPath,
        /// The text of the operating system.
        reason: String,
    },
    /// The pattern is not a regular expression.
    #[error("bad pattern: {reason}")]
    BadPattern {
        /// What is wrong with it, over several lines with a caret.
        reason: String,
    },
    /// A node that was asked to ask a peer could not.
    #[error("{peer}: {reason}")]
    Peer {
        /// The peer's name.
        peer: String,
        /// What the call to it gave.
        reason: String,
    },
    /// The serving side failed in a way that is not the caller's doing, or the caller has left.
    #[error("{reason}")]
    Aborted {
        /// What happened.
        reason: String,
    },
}

impl FilesError {
    /// What the operating system said about `path`.
    pub(crate) fn io(path: &RelPath, error: &io::Error) -> Self {
        let path = path.clone();
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NotFound { path },
            _ => Self::Io { path, reason: error.to_string() },
        }
    }
}

/// An error with its causes, outermost first.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
