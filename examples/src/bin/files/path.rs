//! Paths on the wire: relative to the served directory, and bytes, because file names need not be UTF-8.
//!
//! A `RelPath` may come from a peer and is not trusted: only `crate::tree` converts one to a path on the disk.

use std::{
    borrow::Cow,
    cmp::Ordering,
    ffi::OsStr,
    fmt,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Component, Path, PathBuf},
};

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A path below the root of a tree; empty is the root itself.
///
/// Ordered by components, so that the contents of a directory follow it directly: `a`, `a/b`, `a-b`. (By bytes it would
/// be `a`, `a-b`, `a/b`.) This is the order of `std::path::Path`, and of everything that this program prints.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub(crate) struct RelPath(Bytes);

impl RelPath {
    /// The path's bytes, for printing.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path as `std::path::Path`.
    pub(crate) fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }

    /// Removes `.` and doubled or trailing slashes. Returns `None` if the path is absolute or contains `..` or a NUL.
    ///
    /// `..` is refused even where it would stay inside: the meaning of `a/..` depends on where a symlink `a` points.
    pub(crate) fn normalized(&self) -> Option<Self> {
        if self.0.contains(&0) {
            return None;
        }
        let mut clean = PathBuf::new();
        for component in self.as_path().components() {
            match component {
                Component::Normal(name) => clean.push(name),
                Component::CurDir => {}
                Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
            }
        }
        Some(clean.into())
    }

    /// The part before the first slash: the top-level entry that contains or equals this path. `None` for the root.
    pub(crate) fn top(&self) -> Option<&OsStr> {
        self.as_path().iter().next()
    }
}

impl From<PathBuf> for RelPath {
    fn from(path: PathBuf) -> Self {
        Self(path.into_os_string().into_vec().into())
    }
}

impl From<&Path> for RelPath {
    fn from(path: &Path) -> Self {
        Self(Bytes::copy_from_slice(path.as_os_str().as_bytes()))
    }
}

impl Ord for RelPath {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_path().cmp(other.as_path())
    }
}

impl PartialOrd for RelPath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// For messages: invalid UTF-8 is shown as U+FFFD, and the root as a dot.
impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text =
            if self.0.is_empty() { Cow::Borrowed(".") } else { String::from_utf8_lossy(&self.0) };
        for c in text.chars() {
            // A newline in a name must not start a second message.
            if c.is_control() { write!(f, "{}", c.escape_default())? } else { write!(f, "{c}")? }
        }
        Ok(())
    }
}

impl fmt::Debug for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_path(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> RelPath {
        Path::new(text).into()
    }

    #[test]
    fn harmless_spellings_are_cleaned() {
        for (given, clean) in
            [("", ""), (".", ""), ("./a//b/.", "a/b"), ("a/", "a"), ("...", "...")]
        {
            assert_eq!(path(given).normalized(), Some(path(clean)), "{given:?}");
        }
    }

    #[test]
    fn paths_that_lead_outside_are_refused() {
        for given in ["..", "/", "/etc/passwd", "a/../b", "a/..", "./../x", "a\0b"] {
            assert_eq!(path(given).normalized(), None, "{given:?}");
        }
    }

    #[test]
    fn contents_follow_their_directory() {
        let mut paths = [path("a-b"), path("a/b"), path("a"), path("a.b")];
        paths.sort();
        assert_eq!(paths, [path("a"), path("a/b"), path("a-b"), path("a.b")]);
    }

    #[test]
    fn messages_stay_on_one_line() {
        assert_eq!(path("a\nb").to_string(), "a\\nb");
        assert_eq!(path("").to_string(), ".");
    }
}
