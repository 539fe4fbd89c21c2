//! [`Files`]: the contents of all files at one moment, so that what is compared is what is used.

use std::hash::Hasher as _;
use std::path::{Path, PathBuf};

use twox_hash::XxHash3_64;

use super::error::TlsError;
use crate::net::small_file;

/// The certificates of all public CAs have 250 KiB together; revocation lists can be longer.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// The contents of files. Keys are among them, so it is dropped after use, and only a hash is kept.
pub(super) struct Files(Vec<(PathBuf, Vec<u8>)>);

/// Identifies the contents of all files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint(u64);

impl Files {
    /// Reads the files.
    pub(super) fn read<'a>(paths: impl Iterator<Item = &'a Path>) -> Result<Self, TlsError> {
        let read = |path: &Path| match small_file::read(path, FILE_BYTES_MAX) {
            Ok(bytes) => Ok((path.to_owned(), bytes)),
            Err(error) => Err(TlsError::Read { file: shown(path), reason: error.to_string() }),
        };
        paths.map(read).collect::<Result<_, _>>().map(Self)
    }

    /// The content of a file that was read.
    pub(super) fn content(&self, path: &Path) -> &[u8] {
        let found = self.0.iter().find(|(of, _)| of == path);
        found.map(|(_, bytes)| &**bytes).unwrap_or_default()
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        let mut hasher = XxHash3_64::new();
        for (_, bytes) in &self.0 {
            hasher.write_usize(bytes.len());
            hasher.write(bytes);
        }
        Fingerprint(hasher.finish())
    }
}

/// A path in texts.
pub(super) fn shown(path: &Path) -> String {
    path.display().to_string()
}
