//! Paths as they travel: relative to the served directory, and bytes, since file names need not be UTF-8.
//!
//! A `RelPath` may come from a peer and is not trusted: only `crate::tree` turns one into a place on the disk.

use std::{
    borrow::Cow,
    cmp::Ordering,
    ffi::OsStr,
    fmt,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Component, Path, PathBuf},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A path below the root of a tree; empty is the root itself.
///
/// Ordered component by component, so that what is in a directory follows it directly: `a`, `a/b`, `a-b`. (The order
/// of the bytes would be `a`, `a-b`, `a/b`.) That is the order of `std::path::Path`, and of everything this program prints.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct RelPath(Bytes);

impl RelPath {
    /// The path's bytes, for printing.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The same, for `std::path`.
    pub(crate) fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }

    /// Without `.` and doubled or trailing slashes; `None` if it is absolute, has a `..` in it, or a NUL.
    ///
    /// `..` is refused even where it would stay inside: what `a/..` means depends on where a symlink `a` points to.
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

    /// The part up to the first slash: the top-level entry this path is in or is. `None` for the root.
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

/// For messages; what is not UTF-8 shows as U+FFFD, and the root as a dot.
impl fmt::Display for RelPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text =
            if self.0.is_empty() { Cow::Borrowed(".") } else { String::from_utf8_lossy(&self.0) };
        for c in text.chars() {
            // A newline in a name must not look like a second message.
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
    fn ways_out_are_refused() {
        for given in ["..", "/", "/etc/passwd", "a/../b", "a/..", "./../x", "a\0b"] {
            assert_eq!(path(given).normalized(), None, "{given:?}");
        }
    }

    #[test]
    fn what_is_in_a_directory_follows_it() {
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
