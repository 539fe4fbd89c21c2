//! Each file has a header and a limited length, and the files that ARCHITECTURE.md names exist.

use std::fs;

use super::workspace;

#[test]
fn every_file_has_a_header_and_a_limited_length() {
    let root = workspace::root();
    for package in [
        "grid/src",
        "grid/tests",
        "grid-macros/src",
        "examples/src",
        "examples/tests",
        "chaos/src",
        "chaos/tests",
        "bench/src",
        "bench/micro/benches",
        "fuzz/fuzz_targets",
        "fuzz/src",
        "fuzz/tests",
        "integrations/openraft/src",
        "integrations/openraft/tests",
        "kv/bench/src",
        "kv/oracle/src",
        "kv/oracle/tests",
        "kv/src",
        "kv/tests",
        "kv/chaos/src",
        "kv/chaos/tests",
    ] {
        let folder = root.join(package);
        if !folder.exists() {
            continue;
        }
        for path in workspace::sources(&folder) {
            let text = fs::read_to_string(&path).expect("a source file");
            assert!(text.starts_with("//!"), "{} has no header of `//!` lines", path.display());
            let lines = text.lines().count();
            assert!(lines <= 700, "{} has {lines} lines: split it", path.display());
        }
    }
}

#[test]
fn every_file_that_the_architecture_names_exists() {
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
        assert!(exists, "ARCHITECTURE.md names {name}, which does not exist");
    }
    assert!(count > 20, "ARCHITECTURE.md names only {count} files");
}
