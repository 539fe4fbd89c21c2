//! A tree of unusual names and contents for tests, and the commands whose output is the reference.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

/// Builds the tree. Dropping the value deletes it.
pub(crate) fn odd_tree() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let put = |name: &[u8], content: &[u8]| {
        let path = root.join(OsStr::from_bytes(name));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    put(b"plain.txt", b"one\nneedle here\nthree\n");
    put(b"empty", b"");
    put(b"only-newline", b"\n");
    put(b"no-final-newline", b"a\nneedle");
    put(b"crlf.txt", b"needle\r\nneedle and\r\n\r\nno\r\n");
    put(b"lone-cr", b"needle\rneedle\n");
    put(b"binary", b"needle\n\0needle\n");
    put(b"nul-at-end", b"needle\n\0");
    put(b"utf16", b"\xff\xfen\0e\0e\0d\0l\0e\0\n\0");
    put(b"bom", b"\xef\xbb\xbfneedle\n");
    put(b"latin1", b"caf\xe9 needle \xff\xfe\nneedle\n");
    put("utf8-ü".as_bytes(), "Nädel, needle ü\n".as_bytes());
    put(b"invalid-\xff-name", b"needle\n");
    put(b"with space", b"needle\n");
    put(b"new\nline", b"needle\n");
    put(b"colon:7:", b"needle\n");
    put(b"-dash", b"needle\n");
    put(b".hidden", b"needle\n");
    put(b".hidden-dir/inside", b"needle\n");
    put(b".git/HEAD", b"needle\n");
    put(b".gitignore", b"*\nneedle\n");
    put(b".ignore", b"*\n");
    put(b"target/ignored", b"needle\n");
    put(b"a/b/c/d/e/deep", b"x\n\n\nneedle\n");
    put(b"a-b", b"needle\n");
    put(b"a.b", b"needle\n");
    put(b"a/.gitignore", b"b\n");
    put(b"many", "a needle in each line\n".repeat(20_000).as_bytes());
    put(
        b"long-line",
        [&b"x".repeat(700_000)[..], b"needle", &b"y".repeat(300_000), b"\nneedle\n"]
            .concat()
            .as_slice(),
    );
    fs::create_dir_all(root.join("empty-dir")).unwrap();
    symlink("plain.txt", root.join("link-to-file")).unwrap();
    symlink("a", root.join("link-to-dir")).unwrap();
    symlink("nowhere", root.join("link-dangling")).unwrap();
    symlink("link-loop", root.join("link-loop")).unwrap();
    symlink("/etc/passwd", root.join("link-outside")).unwrap();
    symlink("/etc", root.join("link-outside-dir")).unwrap();
    symlink("..", root.join("a/link-up")).unwrap();
    symlink("../..", root.join("a/link-out")).unwrap();
    let old = fs::File::open(root.join("plain.txt")).unwrap();
    old.set_modified(std::time::UNIX_EPOCH - std::time::Duration::from_secs(3_601)).unwrap();
    assert!(Command::new("mkfifo").arg(root.join("fifo")).status().unwrap().success());
    dir
}

/// The output of `command` in `dir`, its lines sorted. Stderr and the exit code are ignored.
pub(crate) fn sorted_output(dir: &Path, command: &[&str]) -> Vec<Vec<u8>> {
    let output = Command::new(command[0])
        .args(&command[1..])
        .current_dir(dir)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    sorted(&output.stdout)
}

/// The lines of `text`, sorted by their bytes.
pub(crate) fn sorted(text: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<_> = text.split_inclusive(|&b| b == b'\n').map(<[u8]>::to_vec).collect();
    lines.sort();
    lines
}

/// Compares line by line, so that a failure shows the first difference instead of two listings.
pub(crate) fn assert_same(ours: &[Vec<u8>], theirs: &[Vec<u8>]) {
    let text = |line: &Vec<u8>| String::from_utf8_lossy(&line[..line.len().min(200)]).into_owned();
    for (i, (a, b)) in ours.iter().zip(theirs).enumerate() {
        assert!(a == b, "line {i}: ours {:?}, theirs {:?}", text(a), text(b));
    }
    assert_eq!(ours.len(), theirs.len(), "number of lines");
    assert!(!ours.is_empty(), "nothing was compared");
}
