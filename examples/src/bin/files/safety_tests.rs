//! Requests cannot leave the served directory or the share, and an unreadable file affects nothing else.

use std::{
    fs,
    ops::ControlFlow,
    os::unix::fs::symlink,
    path::Path,
    time::{Duration, SystemTime},
};

use crate::{
    entry::{Entry, Hit, Kind, Seen, Skipped},
    error::FilesError,
    lines::Dialect,
    out::Out,
    path::RelPath,
    search::search,
    testtree::odd_tree,
    tree::{READ_BYTES_MAX, Tree},
};

fn path(text: &str) -> RelPath {
    Path::new(text).into()
}

/// The errors of each kind of request for `asked`: read, search.
fn errors(tree: &Tree, asked: &str) -> [Option<FilesError>; 2] {
    let asked = path(asked);
    [
        tree.read(&asked, 0, 10).err(),
        search(tree, &asked, "root", Dialect::default(), &mut Vec::<Seen<Hit>>::new()).err(),
    ]
}

#[test]
fn paths_outside_are_denied() {
    let dir = odd_tree();
    let tree = Tree::open(dir.path()).unwrap();
    for way_out in [
        "..",
        "../",
        "/etc/passwd",
        "/",
        "a/../../x",
        "a/..",
        "link-outside-dir/passwd",
        "a/link-out/x",
        "a/link-up/../..",
        "a\0b",
    ] {
        let denied = FilesError::Denied { path: path(way_out) };
        let stat = tree.stat(&path(way_out)).err();
        let walk = tree.walk(&path(way_out), &mut Vec::new()).err();
        for got in errors(&tree, way_out).into_iter().chain([stat, walk]) {
            assert_eq!(got.as_ref(), Some(&denied), "{way_out:?}");
        }
    }
    // The link itself is inside, its target is not.
    for link in ["link-outside", "link-outside-dir", "a/link-out"] {
        assert_eq!(tree.stat(&path(link)).unwrap().kind, Kind::Symlink);
        assert_eq!(
            errors(&tree, link).map(|e| e == Some(FilesError::Denied { path: path(link) })),
            [true; 2],
            "{link}"
        );
    }
}

#[test]
fn links_that_stay_inside_are_followed() {
    let dir = odd_tree();
    let tree = Tree::open(dir.path()).unwrap();
    for link in
        ["link-to-file", "./link-to-file", "a/link-up/plain.txt", "link-to-dir/link-up/plain.txt"]
    {
        assert_eq!(&tree.read(&path(link), 0, 3).unwrap()[..], b"one", "{link}");
    }
    assert_eq!(tree.stat(&path("link-to-dir/b")).unwrap().kind, Kind::Dir);
}

#[test]
fn a_root_behind_a_link_works_and_a_bad_root_is_named() {
    let dir = odd_tree();
    let link = dir.path().join("a/link-up");
    assert_eq!(&Tree::open(&link).unwrap().read(&path("plain.txt"), 0, 3).unwrap()[..], b"one");
    let nowhere = Tree::open(&dir.path().join("nowhere")).unwrap_err();
    assert!(nowhere.to_string().ends_with("nowhere: no such file or directory"), "{nowhere}");
    assert!(Tree::open(&dir.path().join("plain.txt")).is_err());
}

#[test]
fn a_share_serves_only_its_own_entries() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("0-dir")).unwrap();
    fs::write(dir.path().join("1-file"), "other").unwrap();
    symlink("../1-file", dir.path().join("0-dir/link")).unwrap();
    let shares = Tree::split(dir.path(), 2).unwrap();
    assert_eq!(&shares[1].read(&path("1-file"), 0, 9).unwrap()[..], b"other");
    for hidden in ["1-file", "0-dir/link", "./1-file/x"] {
        assert!(
            matches!(shares[0].read(&path(hidden), 0, 9), Err(FilesError::NotFound { .. })),
            "{hidden}"
        );
    }
}

#[test]
fn reads_are_ranges_with_a_limit() {
    let dir = tempfile::tempdir().unwrap();
    let content: Vec<u8> = (0..READ_BYTES_MAX + 10).map(|i| (i % 251) as u8).collect();
    fs::write(dir.path().join("file"), &content).unwrap();
    let tree = Tree::open(dir.path()).unwrap();
    let read = |offset, len| tree.read(&path("file"), offset, len).unwrap();
    assert_eq!(&read(5, 7)[..], &content[5..12]);
    assert_eq!(&read(0, u64::MAX)[..], &content[..READ_BYTES_MAX]);
    assert_eq!(&read(READ_BYTES_MAX as u64, u64::MAX)[..], &content[READ_BYTES_MAX..]);
    assert!(read(content.len() as u64, 1).is_empty());
    assert!(read(i64::MAX as u64 - 1, 1).is_empty());
    assert!(read(0, 0).is_empty());
    assert_eq!(tree.read(&path(""), 0, 1), Err(FilesError::NotAFile { path: path("") }));
}

#[test]
fn pipes_are_not_opened() {
    let dir = odd_tree();
    let tree = Tree::open(dir.path()).unwrap();
    assert_eq!(tree.read(&path("fifo"), 0, 1), Err(FilesError::NotAFile { path: path("fifo") }));
    assert_eq!(tree.stat(&path("fifo")).unwrap().kind, Kind::Fifo);
}

/// `mem` of a process opens, but reading at 0 fails, for root as well: a file that cannot be read.
#[cfg(target_os = "linux")]
#[test]
fn unreadable_files_are_reported() {
    let dir = odd_tree();
    let tree = Tree::open(Path::new("/proc/self")).unwrap();
    let mut seen = Vec::new();
    search(&tree, &path("mem"), "x", Dialect::default(), &mut seen).unwrap();
    assert!(
        matches!(&seen[..], [Seen::Skipped(Skipped { path: p, .. })] if *p == path("mem")),
        "{seen:?}"
    );
    drop(dir);
}

#[test]
fn a_bad_pattern_is_explained() {
    let dir = odd_tree();
    let tree = Tree::open(dir.path()).unwrap();
    for bad in ["(", "a\nb", "[z-a]"] {
        let result =
            search(&tree, &path(""), bad, Dialect::default(), &mut Vec::<Seen<Hit>>::new());
        assert!(matches!(result, Err(FilesError::BadPattern { .. })), "{bad:?}: {result:?}");
    }
}

/// Takes `left` items and then returns `Break`.
struct Few {
    left: usize,
}

impl<T> Out<T> for Few {
    fn put(&mut self, _item: T) -> ControlFlow<()> {
        self.left -= 1;
        if self.left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn stopped(&self) -> bool {
        self.left == 0
    }
}

#[test]
fn a_search_stops_when_its_results_are_not_wanted() {
    let dir = tempfile::tempdir().unwrap();
    // Sparse, thus binary at once; the 300 others match in every line.
    fs::File::create(dir.path().join("huge")).unwrap().set_len(1 << 40).unwrap();
    for i in 0..300 {
        fs::write(dir.path().join(format!("file{i}")), "needle\n".repeat(1000)).unwrap();
    }
    let tree = Tree::open(dir.path()).unwrap();
    let start = SystemTime::now();
    for left in [1, 50, 70, 5000] {
        search(&tree, &path(""), "needle", Dialect::default(), &mut Few { left }).unwrap();
        let walk: &mut dyn Out<Seen<Entry>> = &mut Few { left: left.min(200) };
        tree.walk(&path(""), walk).unwrap();
    }
    assert!(start.elapsed().unwrap() < Duration::from_secs(30));
}
