//! Where the packages of the workspace, their targets and their sources are.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of the workspace.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

/// A path below the workspace's folder, with `/` on every system.
pub(crate) fn name(path: &Path) -> String {
    let path = path.strip_prefix(root()).expect("a path in the workspace");
    path.to_string_lossy().replace('\\', "/")
}

/// The folders of all packages, as the workspace's manifest lists them.
fn packages() -> Vec<PathBuf> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    let (_, members) = manifest.split_once("\nmembers = [").expect("a list of members");
    let (members, _) = members.split_once(']').expect("the end of the list");
    members.split('"').skip(1).step_by(2).map(|member| root().join(member)).collect()
}

/// The root files of all libraries, programs and benchmarks. Tests are left out.
pub(crate) fn targets() -> Vec<PathBuf> {
    let mut targets = Vec::new();
    for package in packages() {
        targets.extend(["src/lib.rs", "src/main.rs"].map(|file| package.join(file)));
        for folder in ["src/bin", "benches"].map(|folder| package.join(folder)) {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.expect("an entry").path();
                targets.extend([path.join("main.rs"), path]);
            }
        }
    }
    targets.retain(|path| path.is_file() && path.extension().is_some_and(|end| end == "rs"));
    targets.sort();
    targets
}

/// All source files in a folder and below.
pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
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
