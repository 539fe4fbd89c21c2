//! A served directory: path safety, `stat`, `read` and `walk`. Blocking, and without knowledge of the network.
//!
//! No request leaves the root: `..` is refused, and if a path passes a symlink, its real path is looked up and must be
//! below the root as well. (A process that changes the tree at that moment could win a race, but processes with write
//! access are not what this protects from.) The `ignore` crate walks, with all of its ignore rules turned off.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use ignore::{DirEntry, WalkBuilder};

use crate::{
    entry::{Entry, Kind, Seen, Skipped, Stat},
    error::FilesError,
    out::Out,
    path::RelPath,
};

/// The most that one `read` returns: far below the limits of messages, and large enough that the cost of a call is
/// small.
pub(crate) const READ_BYTES_MAX: usize = 1 << 20;

/// A directory that is served, or a share of one.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    /// Absolute and without symlinks, so that "below the root" means having this prefix.
    root: PathBuf,
    /// The top-level names that are served; `None` for all. Entries that are created later are not in it.
    share: Option<Arc<BTreeSet<OsString>>>,
}

/// A path that was checked to be inside.
#[derive(Debug)]
pub(crate) struct Place {
    /// The path on the disk: that of `shown`, with symlinks resolved.
    real: PathBuf,
    /// The path to show, relative to the root.
    shown: RelPath,
}

impl Tree {
    /// Serves all of `root`.
    pub(crate) fn open(root: &Path) -> Result<Self, FilesError> {
        let shown = RelPath::from(root);
        let root = root.canonicalize().map_err(|e| FilesError::io(&shown, &e))?;
        fs::read_dir(&root).map_err(|e| FilesError::io(&shown, &e))?;
        Ok(Self { root, share: None })
    }

    /// Splits `root` among `count` trees. Entry i, in the order of names, goes to tree i modulo `count`.
    pub(crate) fn split(root: &Path, count: usize) -> Result<Vec<Self>, FilesError> {
        let whole = Self::open(root)?;
        let failed = |e: io::Error| FilesError::io(&root.into(), &e);
        let names = fs::read_dir(&whole.root)
            .and_then(|dir| {
                dir.map(|entry| Ok(entry?.file_name())).collect::<io::Result<BTreeSet<_>>>()
            })
            .map_err(failed)?;
        let mut shares = vec![BTreeSet::new(); count];
        for (i, name) in names.into_iter().enumerate() {
            shares[i % count].insert(name);
        }
        Ok(shares
            .into_iter()
            .map(|share| Self { share: Some(Arc::new(share)), ..whole.clone() })
            .collect())
    }

    /// The root, for messages.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The number of top-level names in this share, if it is one.
    pub(crate) fn share_size(&self) -> Option<usize> {
        self.share.as_ref().map(|share| share.len())
    }

    /// The result of `lstat` for `path`. A symlink at its end is not followed.
    pub(crate) fn stat(&self, path: &RelPath) -> Result<Stat, FilesError> {
        let place = self.place(path)?;
        let meta = fs::symlink_metadata(&place.real).map_err(|e| FilesError::io(path, &e))?;
        Ok(Stat::from(&meta))
    }

    /// Reads `len` bytes of a file from `offset` on, but at most [`READ_BYTES_MAX`], and fewer only at the file's end.
    /// Symlinks are followed if they stay inside.
    pub(crate) fn read(&self, path: &RelPath, offset: u64, len: u64) -> Result<Bytes, FilesError> {
        let failed = |e: io::Error| FilesError::io(path, &e);
        let place = self.target(path)?;
        // Checked before the file is opened, because opening a named pipe would wait for a writer.
        let meta = fs::symlink_metadata(&place.real).map_err(failed)?;
        if !meta.is_file() {
            return Err(FilesError::NotAFile { path: path.clone() });
        }
        let file = File::open(&place.real).map_err(failed)?;
        let mut buffer =
            vec![0; usize::try_from(len).unwrap_or(READ_BYTES_MAX).min(READ_BYTES_MAX)];
        let mut filled = 0;
        while filled < buffer.len() {
            match file.read_at(&mut buffer[filled..], offset.saturating_add(filled as u64)) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(failed(e)),
            }
        }
        buffer.truncate(filled);
        Ok(buffer.into())
    }

    /// All entries in and below `path`, itself included (except the root, which has no name). Symlinks are entries.
    pub(crate) fn walk(
        &self,
        path: &RelPath,
        out: &mut dyn Out<Seen<Entry>>,
    ) -> Result<(), FilesError> {
        self.walk_place(&self.place(path)?, out)
    }

    /// [`Tree::walk`] for a path that was already looked up.
    pub(crate) fn walk_place(
        &self,
        start: &Place,
        out: &mut dyn Out<Seen<Entry>>,
    ) -> Result<(), FilesError> {
        let meta =
            fs::symlink_metadata(&start.real).map_err(|e| FilesError::io(&start.shown, &e))?;
        if !meta.is_dir() {
            // Not from the walker, which would follow a symlink at its start.
            let _ =
                out.put(Seen::Item(Entry { path: start.shown.clone(), stat: Stat::from(&meta) }));
            return Ok(());
        }
        for step in self.walker(start).build() {
            let seen = match step {
                Ok(entry) if entry.depth() == 0 && start.shown.as_bytes().is_empty() => continue,
                Ok(entry) => look_at(start, &entry),
                Err(error) => Seen::Skipped(skipped(start, &error)),
            };
            if out.put(seen).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn walker(&self, start: &Place) -> WalkBuilder {
        let mut walker = WalkBuilder::new(&start.real);
        walker.standard_filters(false).follow_links(false).sort_by_file_name(|a, b| a.cmp(b));
        if let (Some(share), true) = (&self.share, start.shown.as_bytes().is_empty()) {
            let share = Arc::clone(share);
            walker
                .filter_entry(move |entry| entry.depth() != 1 || share.contains(entry.file_name()));
        }
        walker
    }

    /// Finds `path` on the disk without following a symlink at its end. Does not check whether the end exists.
    fn place(&self, path: &RelPath) -> Result<Place, FilesError> {
        let shown = path.normalized().ok_or_else(|| FilesError::Denied { path: path.clone() })?;
        self.check_share(&shown, path)?;
        let real = match (shown.as_path().parent(), shown.as_path().file_name()) {
            (Some(parent), Some(name)) => self.canonical(parent, path)?.join(name),
            _ => self.root.clone(),
        };
        Ok(Place { real, shown })
    }

    /// Finds `path` on the disk, following a symlink at its end too.
    pub(crate) fn target(&self, path: &RelPath) -> Result<Place, FilesError> {
        let place = self.place(path)?;
        Ok(Place { real: self.canonical(place.shown.as_path(), path)?, ..place })
    }

    /// Resolves a clean relative path if it leads inside. `asked` is the path that errors name.
    fn canonical(&self, relative: &Path, asked: &RelPath) -> Result<PathBuf, FilesError> {
        let real =
            self.root.join(relative).canonicalize().map_err(|e| FilesError::io(asked, &e))?;
        let Ok(inside) = real.strip_prefix(&self.root) else {
            return Err(FilesError::Denied { path: asked.clone() });
        };
        self.check_share(&inside.into(), asked)?;
        Ok(real)
    }

    fn check_share(&self, path: &RelPath, asked: &RelPath) -> Result<(), FilesError> {
        match (&self.share, path.top()) {
            (Some(share), Some(top)) if !share.contains(top) => {
                Err(FilesError::NotFound { path: asked.clone() })
            }
            _ => Ok(()),
        }
    }
}

impl Place {
    /// The path to show for an entry that the walker found at `real`, below this place.
    fn show(&self, real: &Path) -> RelPath {
        match real.strip_prefix(&self.real) {
            Ok(below) if below.as_os_str().is_empty() => self.shown.clone(),
            Ok(below) => self.shown.as_path().join(below).into(),
            Err(_) => real.into(),
        }
    }

    /// The path on the disk of an entry from a walk that started here.
    pub(crate) fn file(&self, entry: &Entry) -> PathBuf {
        match entry.path.as_path().strip_prefix(self.shown.as_path()) {
            Ok(below) if below.as_os_str().is_empty() => self.real.clone(),
            Ok(below) => self.real.join(below),
            Err(_) => self.real.clone(),
        }
    }
}

fn look_at(start: &Place, entry: &DirEntry) -> Seen<Entry> {
    let path = start.show(entry.path());
    match entry.metadata() {
        Ok(meta) => Seen::Item(Entry { path, stat: Stat::from(&meta) }),
        Err(error) => Seen::Skipped(Skipped { path, reason: reason(&error) }),
    }
}

fn skipped(start: &Place, error: &ignore::Error) -> Skipped {
    let path = error_path(error).map_or_else(|| start.shown.clone(), |real| start.show(real));
    Skipped { path, reason: reason(error) }
}

/// The operating system's text. The crate's own would reveal the absolute path to peers.
fn reason(error: &ignore::Error) -> String {
    match error.io_error() {
        Some(io) => io::Error::from(io.kind()).to_string(),
        None => "could not be walked".to_owned(),
    }
}

fn error_path(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
            error_path(err)
        }
        _ => None,
    }
}

impl Entry {
    /// Whether an entry has content to search: `grep -r` opens neither devices nor pipes, and does not follow symlinks.
    pub(crate) fn is_searchable(&self) -> bool {
        self.stat.kind == Kind::File
    }
}
