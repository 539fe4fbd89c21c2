//! Replays the inputs that are checked in: what a fuzzer has found worth keeping, and what was once a crash.
//!
//! With `GRID_FUZZ=<folder>` it also replays all that `fuzz/run` keeps in that folder.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use grid_fuzz::TARGETS;

/// At most this much of each target is checked in.
const FILES_MAX: usize = 60;
const BYTES_MAX: u64 = 64 * 1024;

fn inputs(folder: &str, target: &str) -> Vec<PathBuf> {
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(target))
}

/// What is not checked in.
fn more_inputs(target: &str) -> Vec<PathBuf> {
    let folder =
        env::var_os("GRID_FUZZ").map(|folder| Path::new(&folder).join("corpus").join(target));
    folder.map(|folder| files(&folder)).unwrap_or_default()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
}

/// Runs a target with all of its inputs.
fn replay(name: &str) {
    let (_, target) = TARGETS.into_iter().find(|(other, _)| *other == name).expect("a target");
    let corpus = inputs("corpus", name);
    assert!(corpus.len() > 5, "{name} has a corpus");
    for path in corpus.into_iter().chain(inputs("regressions", name)).chain(more_inputs(name)) {
        let bytes = fs::read(&path).expect("an input");
        // Shown only if the test fails.
        println!("{}", path.display());
        target(&bytes);
    }
}

#[test]
fn codec() {
    replay("codec");
}

#[test]
fn link_bytes() {
    replay("link_bytes");
}

#[test]
fn link_operations() {
    replay("link_operations");
}

#[test]
fn payloads() {
    replay("payloads");
}

#[test]
fn upgrade() {
    replay("upgrade");
}

/// The tests above, and what else has a place for each target.
#[test]
fn no_target_is_forgotten() {
    let manifest = include_str!("../Cargo.toml");
    let tests = include_str!("corpus.rs");
    assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is no program");
        assert!(tests.contains(&format!("replay(\"{name}\")")), "{name} is not replayed");
    }
}

#[test]
fn the_corpora_are_small() {
    for (name, _) in TARGETS {
        let corpus = inputs("corpus", name);
        let bytes: u64 =
            corpus.iter().map(|path| fs::metadata(path).map_or(0, |it| it.len())).sum();
        assert!(corpus.len() <= FILES_MAX && bytes <= BYTES_MAX, "{name}: {bytes} bytes");
    }
}

/// Short inputs of every beginning: the targets themselves run on them.
#[test]
fn short_inputs_pass() {
    for (_, target) in TARGETS {
        target(&[]);
        for first in (0..=u8::MAX).step_by(5) {
            target(&[first]);
            target(&[first, 0, 255, first, 7]);
        }
    }
}
