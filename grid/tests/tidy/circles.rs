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
            if !ALLOWED.iter().any(|(allowed, _)| *allowed == files) {
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
