//! What `wire_lock!` does: compares, fails, and writes.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

use super::WireLock;
use crate::ServiceDescriptor;
use crate::reflection::Change;

/// Names the environment variable that lets the test write the file.
const VARIABLE: &str = "WIRE_LOCK";

/// Fails a test if services differ from a file that says what they send.
///
/// ```
/// # mod disk {
/// #[grid::service]
/// pub trait Disk {
///     async fn free(&self, volume: String) -> u64;
/// }
/// # }
/// # use disk::DiskClient;
///
/// // In a test: #[test]
/// fn the_wire_is_compatible() {
///     grid::testing::wire_lock!("wire.lock", [DiskClient::DESCRIPTOR]);
/// }
/// ```
///
/// The path is relative to the folder of the package's `Cargo.toml`. The file is checked in, one for each test.
///
/// | change | `cargo test` | `WIRE_LOCK=update cargo test` | `WIRE_LOCK=break cargo test` |
/// |---|---|---|---|
/// | none | passes | passes | passes |
/// | compatible, or there is no file | fails | writes the file | writes the file |
/// | breaks callers of the old or the new version | fails | fails | writes the file |
///
/// The message says what has changed, who is broken, and what to do instead; the guide's chapter on evolving a service has all
/// changes in tables. With `#[grid::service(schema)]` and the feature `schema`, the structure of all values is in the file.
///
/// # Panics
///
/// When the test fails: see the table. Also if the file cannot be read or written, if `WIRE_LOCK` has another value, and if two of
/// the services have the same name and differ.
#[doc(hidden)]
#[macro_export]
macro_rules! __wire_lock {
    ($file:expr, [$($service:expr),* $(,)?] $(,)?) => {
        $crate::testing::__wire_lock(
            ::core::env!("CARGO_MANIFEST_DIR"), ::core::convert::AsRef::as_ref($file), &[$($service),*],
        )
    };
}

/// What may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Check,
    Update,
    Break,
}

/// What the macro expands to: decides what may be written, and fails the test.
#[track_caller]
pub fn check(folder: &str, file: &Path, services: &[&ServiceDescriptor]) {
    let wish = env::var_os(VARIABLE).unwrap_or_default();
    let mode = match wish.to_str() {
        Some("") => Mode::Check,
        Some("update") => Mode::Update,
        Some("break") => Mode::Break,
        _ => {
            let wish = wish.to_string_lossy();
            panic!("WIRE_LOCK is `{wish}`: set it to `update` or `break`, or unset it")
        }
    };
    let path = Path::new(folder).join(file);
    if let Err(text) = outcome(&path, services, mode) {
        panic!("{text}");
    }
}

fn outcome(path: &Path, services: &[&ServiceDescriptor], mode: Mode) -> Result<(), String> {
    let new = WireLock::of(services);
    let text = new.to_string();
    let shown = path.display();
    let known = match fs::read_to_string(path) {
        Ok(known) => known,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let missing = format!(
                "{shown} does not exist: run `WIRE_LOCK=update cargo test`, and check the file in"
            );
            return if mode == Mode::Check { Err(missing) } else { write(path, &text) };
        }
        Err(error) => return Err(format!("cannot read {shown}: {error}")),
    };
    if known.lines().eq(text.lines()) {
        return Ok(());
    }
    let changes = match WireLock::parse(&known) {
        Ok(old) => old.changes(&new),
        Err(_) if mode == Mode::Break => Vec::new(),
        Err(error) => return Err(format!("{shown}: {error}")),
    };
    let breaks = changes.iter().any(|change| change.breaks.is_breaking());
    match mode {
        Mode::Break => write(path, &text),
        Mode::Update if !breaks => write(path, &text),
        _ => Err(message(path, &changes)),
    }
}

/// Writes a file beside it and renames that, so that a test that is killed leaves the old one or the new one.
fn write(path: &Path, text: &str) -> Result<(), String> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.new", std::process::id()));
    let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| {
        let _ = fs::remove_file(&beside);
        format!("cannot write {}: {error}", path.display())
    })
}

/// What the test says when it fails: first what breaks, then what does not.
fn message(path: &Path, changes: &[Change]) -> String {
    let (breaking, compatible): (Vec<_>, Vec<_>) =
        changes.iter().partition(|change| change.breaks.is_breaking());
    let shown = path.display();
    let mut text = String::new();
    if changes.is_empty() {
        let _ = write!(
            text,
            "{shown} is not up to date, although no change was found: it was edited, or written by another version of grid-rpc. \
             Run `WIRE_LOCK=update cargo test`, and check the file in."
        );
    } else if breaking.is_empty() {
        let _ = write!(
            text,
            "{shown} is not up to date. The change is compatible: run `WIRE_LOCK=update cargo test`, and check the file in."
        );
    } else {
        let _ = write!(
            text,
            "the services do not work with nodes that were built from {shown}, while both versions run:"
        );
    }
    for change in &breaking {
        let _ = write!(text, "\n\n  {change}");
    }
    if !compatible.is_empty() {
        let _ = write!(text, "\n\ncompatible:");
    }
    for change in &compatible {
        let _ = write!(text, "\n\n  {change}");
    }
    if !breaking.is_empty() {
        let _ = write!(
            text,
            "\n\nThe rows are those of \"Changing a service\" in the guide's chapter on evolving a service (docs/guide/evolution.md).\n\
             If nodes of both versions never run at the same time, `WIRE_LOCK=break cargo test` accepts it."
        );
    }
    text
}
