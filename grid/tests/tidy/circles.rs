//! No circles: files must not import each other, neither directly nor through further files.
//!
//! `imports.rs` defines what an import is. Each library, program and benchmark of the workspace is checked by itself.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use super::imports::{Imports, imports};
use super::workspace;

/// Circles that are accepted, each with the reason. Files are in the order of their names.
const ALLOWED: &[(&[&str], &str)] = &[];

/// TEMPORARY: circles that are being removed. Remove each with its circle, and this constant with the last one.
const KNOWN: &[&[&str]] = &[
    &[
        "grid/src/net/call.rs",
        "grid/src/net/connection.rs",
        "grid/src/net/context.rs",
        "grid/src/net/dispatch.rs",
        "grid/src/net/driver.rs",
        "grid/src/net/halves.rs",
        "grid/src/net/life.rs",
        "grid/src/net/peer.rs",
        "grid/src/net/registry.rs",
        "grid/src/net/stats.rs",
    ],
    &["grid/src/net/accept.rs", "grid/src/net/dial.rs", "grid/src/net/node.rs"],
    &["grid/src/net/builder.rs", "grid/src/net/manager.rs"],
    &["grid/src/proto/callee/mod.rs", "grid/src/proto/caller/mod.rs", "grid/src/proto/link.rs"],
    &["grid/src/rpc/stream/mod.rs", "grid/src/rpc/stream/outgoing.rs"],
    &[
        "grid-macros/src/model/method.rs",
        "grid-macros/src/model/params.rs",
        "grid-macros/src/model/returns.rs",
        "grid-macros/src/model/signature.rs",
    ],
];

/// The circles of a graph: its strongly connected components, each as the sorted list of its files.
pub(crate) fn circles(imports: &Imports) -> Vec<Vec<&Path>> {
    let files: BTreeSet<&Path> = imports.keys().map(|(from, _)| from.as_path()).collect();
    let mut circles: Vec<Vec<&Path>> = files
        .iter()
        .filter(|file| reachable(imports, file).contains(*file))
        .map(|file| {
            let both_ways = |other: &&Path| reachable(imports, other).contains(file);
            reachable(imports, file).into_iter().filter(both_ways).collect()
        })
        .collect();
    circles.sort();
    circles.dedup();
    circles
}

/// The files that a file imports, directly or through others.
fn reachable<'a>(imports: &'a Imports, from: &Path) -> BTreeSet<&'a Path> {
    let mut reached = BTreeSet::new();
    let mut next = vec![from];
    while let Some(file) = next.pop() {
        for (_, to) in imports.keys().filter(|(from, _)| from == file) {
            if reached.insert(to.as_path()) {
                next.push(to);
            }
        }
    }
    reached
}

/// Describes a circle: its files, and the names that each takes from the next.
pub(crate) fn describe(
    circle: &[&Path],
    imports: &Imports,
    name: impl Fn(&Path) -> String,
) -> String {
    let mut text = format!("{} files import each other:\n", circle.len());
    for ((from, to), names) in imports {
        if circle.contains(&from.as_path()) && circle.contains(&to.as_path()) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let _ = writeln!(text, "  {} takes {} from {}", name(from), names.join(", "), name(to));
        }
    }
    text
}

#[test]
fn no_files_import_each_other() {
    let targets: Vec<PathBuf> = workspace::targets();
    assert!(targets.len() > 5, "only {} targets were found", targets.len());
    let mut refused = String::new();
    let mut seen = BTreeSet::new();
    for target in &targets {
        let imports = imports(target, &|path| fs::read_to_string(path).ok());
        for circle in circles(&imports) {
            let files: Vec<String> = circle.iter().map(|path| workspace::name(path)).collect();
            let allowed = ALLOWED.iter().map(|(circle, _)| *circle).chain(KNOWN.iter().copied());
            if !allowed.into_iter().any(|allowed| allowed == files) {
                refused.push_str(&describe(&circle, &imports, workspace::name));
            }
            seen.insert(files);
        }
    }
    for (circle, _) in ALLOWED {
        let is_seen = seen.iter().any(|files| files == circle);
        assert!(
            is_seen,
            "this circle does not exist any more, so remove it from ALLOWED: {circle:?}"
        );
    }
    let advice =
        "Move what both files need to a third one; imports.rs defines what counts as an import";
    assert!(refused.is_empty(), "{refused}{advice}");
}
