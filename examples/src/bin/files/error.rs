//! The errors of requests about files.
//!
//! One enum for both services. It is sent over the wire as data, so causes are texts, not `std::io::Error`s.
//! Errors of the connection or the deadline are not here: they are the library's `CallError`.

use std::{error::Error, io};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::path::RelPath;

/// The error of every method of `Files` and `Ask`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize, JsonSchema)]
pub(crate) enum FilesError {
    /// No entry of that name, or it is not in this node's share of the tree.
    #[error("{path}: no such file or directory")]
    NotFound {
        /// The path as requested.
        path: RelPath,
    },
    /// The path leads outside of the served directory: by `..`, an absolute path, or a symlink.
    #[error("{path}: outside of the served directory")]
    Denied {
        /// The path as requested.
        path: RelPath,
    },
    /// Not a regular file, so it has no content to read.
    #[error("{path}: not a regular file")]
    NotAFile {
        /// The path as requested.
        path: RelPath,
    },
    /// The operating system refused.
    #[error("{path}: {reason}")]
    Io {
        /// The path as requested.
        path: RelPath,
        /// The text of the operating system.
        reason: String,
    },
    /// The pattern is not a regular expression.
    #[error("bad pattern: {reason}")]
    BadPattern {
        /// The explanation, several lines with a caret.
        reason: String,
    },
    /// The node that was called could not call a peer.
    #[error("{peer}: {reason}")]
    Peer {
        /// The peer's name.
        peer: String,
        /// The error of that call.
        reason: String,
    },
    /// The serving side failed through no fault of the caller, or the caller has left.
    #[error("{reason}")]
    Aborted {
        /// The explanation.
        reason: String,
    },
}

impl FilesError {
    /// Converts an error of the operating system about `path`.
    pub(crate) fn io(path: &RelPath, error: &io::Error) -> Self {
        let path = path.clone();
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NotFound { path },
            _ => Self::Io { path, reason: error.to_string() },
        }
    }
}

/// The texts of an error and its causes, outermost first.
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
