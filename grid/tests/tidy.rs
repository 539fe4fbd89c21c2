//! The layers, as a test: arrows point downward only, `rpc/` → `net/` → `proto/`, and each file says what it is.

use std::fs;
use std::path::{Path, PathBuf};

/// A folder or file under `src/`, and words that must not occur in its code, with the reason.
const RULES: &[(&str, &[&str], &str)] = &[
    ("proto", &["tokio", "tungstenite"], "the core knows no runtime and no socket"),
    (
        "proto",
        &["crate::net", "crate::rpc", "crate::context", "crate::error"],
        "the core is the lowest layer",
    ),
    ("proto", &["Instant::now", "SystemTime::now"], "time enters the core as an argument"),
    ("proto", &["Mutex", "RwLock", "async fn", ".await"], "the core neither locks nor waits"),
    ("proto", &["tracing::", "println!"], "the core returns facts instead of logging them"),
    (
        "proto",
        &["use crate::{"],
        "name what comes from above in a path of its own, so that this test sees it",
    ),
    (
        "net",
        &["use crate::{"],
        "name what comes from elsewhere in a path of its own, so that this test sees it",
    ),
    ("net", &["crate::rpc"], "the tokio layer is below the typed one"),
    ("net", &["rmp_serde", "serde_json"], "payloads are opaque below the typed layer"),
    ("rpc", &["crate::proto", "tungstenite"], "the typed layer talks to net, not past it"),
];

/// Where the WebSocket library may be named.
const WEBSOCKET: &str = "net/transport";

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The code of a file: without comments, and without its tests, which come last.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| !line.starts_with("mod tests {"))
        .map(|(number, line)| (number + 1, line.split("//").next().unwrap_or_default()))
}

#[test]
fn layers_point_downward() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut broken = Vec::new();
    for path in sources(&root) {
        let name =
            path.strip_prefix(&root).expect("below src").to_string_lossy().replace('\\', "/");
        if name.contains("/tests/") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source file");
        for (number, line) in code(&text) {
            for (folder, words, reason) in RULES {
                let in_folder = name.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
                for word in words.iter().filter(|word| in_folder && line.contains(**word)) {
                    broken.push(format!("src/{name}:{number}: `{word}`: {reason}"));
                }
            }
            if line.contains("tungstenite") && !name.starts_with(WEBSOCKET) {
                broken.push(format!(
                    "src/{name}:{number}: the WebSocket library is named in {WEBSOCKET}/ only"
                ));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_file_says_what_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
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
        for path in sources(&folder) {
            let text = fs::read_to_string(&path).expect("a source file");
            assert!(text.starts_with("//!"), "{} has no header of `//!` lines", path.display());
            let lines = text.lines().count();
            assert!(lines <= 700, "{} has {lines} lines: it has outgrown its idea", path.display());
        }
    }
}

#[test]
fn every_file_of_the_map_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
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
