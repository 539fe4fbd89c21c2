//! The data that nodes send each other: entries of a tree, hits of a search, and what had to be skipped.
//!
//! Plain data with serde; no I/O. The format of an entry as a line is here too, because it is part of the contract.

use std::{
    fs::{FileType, Metadata},
    io::{self, Write},
    os::unix::fs::{FileTypeExt, MetadataExt},
};

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::path::RelPath;

/// Type of a directory entry. Encoded and printed as the letter of `find -printf %y`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Kind {
    /// A regular file.
    #[serde(rename = "f")]
    File,
    /// A directory.
    #[serde(rename = "d")]
    Dir,
    /// A symbolic link, whatever it points to. Never followed.
    #[serde(rename = "l")]
    Symlink,
    /// A named pipe.
    #[serde(rename = "p")]
    Fifo,
    /// A socket.
    #[serde(rename = "s")]
    Socket,
    /// A character device.
    #[serde(rename = "c")]
    CharDevice,
    /// A block device.
    #[serde(rename = "b")]
    BlockDevice,
}

impl Kind {
    fn letter(self) -> char {
        match self {
            Self::File => 'f',
            Self::Dir => 'd',
            Self::Symlink => 'l',
            Self::Fifo => 'p',
            Self::Socket => 's',
            Self::CharDevice => 'c',
            Self::BlockDevice => 'b',
        }
    }
}

impl From<FileType> for Kind {
    fn from(kind: FileType) -> Self {
        if kind.is_dir() {
            Self::Dir
        } else if kind.is_symlink() {
            Self::Symlink
        } else if kind.is_fifo() {
            Self::Fifo
        } else if kind.is_socket() {
            Self::Socket
        } else if kind.is_char_device() {
            Self::CharDevice
        } else if kind.is_block_device() {
            Self::BlockDevice
        } else {
            Self::File
        }
    }
}

/// The result of `lstat`, which describes a symlink itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Stat {
    /// File, directory, …
    pub(crate) kind: Kind,
    /// Size in bytes. Of a directory it depends on the file system, of a symlink it is the length of its target.
    pub(crate) size: u64,
    /// Time of the last change of the content: seconds since 1970, negative before.
    pub(crate) mtime: i64,
    /// Nanoseconds after that second.
    pub(crate) mtime_ns: u32,
}

impl From<&Metadata> for Stat {
    fn from(meta: &Metadata) -> Self {
        Self {
            kind: meta.file_type().into(),
            size: meta.len(),
            mtime: meta.mtime(),
            mtime_ns: u32::try_from(meta.mtime_nsec()).unwrap_or(0),
        }
    }
}

/// One entry of a tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Entry {
    /// Its path.
    pub(crate) path: RelPath,
    /// Its type, size and time.
    pub(crate) stat: Stat,
}

impl Entry {
    /// One line: kind, size, time of last change (UTC, to the minute) and path, as in `f 1234 2026-01-02T03:04Z src/main.rs`.
    /// Exactly what `TZ=UTC find . -mindepth 1 -printf '%y %s %TFT%TH:%TMZ %P\n'` prints.
    pub(crate) fn write_line(&self, out: &mut dyn Write) -> io::Result<()> {
        let Stat { kind, size, mtime, .. } = self.stat;
        write!(out, "{} {size} ", kind.letter())?;
        match jiff::Timestamp::from_second(mtime) {
            Ok(time) => write!(out, "{} ", time.strftime("%Y-%m-%dT%H:%MZ"))?,
            Err(_) => write!(out, "@{mtime} ")?, // beyond the year 9999, or a broken file system
        }
        out.write_all(self.path.as_bytes())?;
        out.write_all(b"\n")
    }
}

/// One matching line, or a piece of it if the line is too long for one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Hit {
    /// The file.
    pub(crate) path: RelPath,
    /// The line's number, from 1.
    pub(crate) line: u64,
    /// The line without its newline.
    pub(crate) text: Bytes,
    /// Whether the next hit continues this line.
    pub(crate) more: bool,
}

/// Something that could not be read. The rest of the tree is not affected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Skipped {
    /// What was skipped, with everything below it.
    pub(crate) path: RelPath,
    /// Why.
    pub(crate) reason: String,
}

/// An item of a stream about a tree. Items come in the order of their paths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Seen<T> {
    /// An entry or a hit.
    Item(T),
    /// Something that could not be read; printed to stderr, as `find` and `grep` do.
    Skipped(Skipped),
}

/// The key by which streams are ordered, and merged if they come from several nodes.
pub(crate) trait HasPath {
    /// The path in the tree.
    fn path(&self) -> &RelPath;
}

impl HasPath for Entry {
    fn path(&self) -> &RelPath {
        &self.path
    }
}

impl HasPath for Hit {
    fn path(&self) -> &RelPath {
        &self.path
    }
}

impl<T: HasPath> HasPath for Seen<T> {
    fn path(&self) -> &RelPath {
        match self {
            Self::Item(item) => item.path(),
            Self::Skipped(skipped) => &skipped.path,
        }
    }
}
