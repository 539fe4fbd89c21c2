//! Each file says what it is and stays small, and the files that ARCHITECTURE.md names exist.

use std::fs;

use super::workspace;

#[test]
fn every_file_says_what_it_is() {
    let root = workspace::root();
    for package in [
        "grid/src",
        "grid/tests",
        "grid-macros/src",
        "examples/src",
        "examples/tests",
        "bench/src",
        "bench/micro/benches",
    ] {
        let folder = root.join(package);
        if !folder.exists() {
            continue;
        }
        for path in workspace::sources(&folder) {
            let text = fs::read_to_string(&path).expect("a source file");
            assert!(text.starts_with("//!"), "{} has no header of `//!` lines", path.display());
            let lines = text.lines().count();
            assert!(lines <= 700, "{} has {lines} lines: it has outgrown its idea", path.display());
        }
    }
}

#[test]
fn every_file_of_the_map_exists() {
    let root = workspace::root();
    let text = fs::read_to_string(root.join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let named = text
        .split(['`', ' ', '(', ')', '\n', ',', ';'])
        .filter(|word| word.ends_with(".rs") && word.contains('/'));
    let mut count = 0;
    for name in named {
        count += 1;
        let exists =
            [root.join(name), root.join("grid/src").join(name)].iter().any(|path| path.exists());
        assert!(exists, "ARCHITECTURE.md names {name}, which is not there");
    }
    assert!(count > 20, "the map has gone: {count} files are named");
}
