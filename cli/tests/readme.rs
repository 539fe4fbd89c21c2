//! The commands of the README, against the example that it starts.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const README: &str = include_str!("../../README.md");

/// The blocks of shell code below the heading.
fn blocks() -> Vec<&'static str> {
    let section = README.split("\n## From the shell\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    section.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// The program of the example, which is built if only this package is tested.
fn example() -> PathBuf {
    let built = Command::new(env!("CARGO"))
        .args(["build", "-q", "-p", "grid-examples", "--bin", "files"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .status();
    assert!(built.unwrap().success());
    Path::new(env!("CARGO_BIN_EXE_grid")).with_file_name("files")
}

/// Ended when dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(unix)]
#[test]
fn the_commands_of_the_readme_do_what_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let [start, ask] = blocks()[..] else { panic!("two terminals: {:?}", blocks()) };
    let arguments =
        start.trim().strip_prefix("cargo run -p grid-examples --bin files -- ").unwrap();
    let mut node = Command::new(example())
        .args(arguments.split(' '))
        .current_dir(&root)
        .stdout(Stdio::piped())
        .spawn()
        .map(Running)
        .unwrap();
    let mut line = String::new();
    BufReader::new(node.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("listening on "), "{line}");

    let program = env!("CARGO_BIN_EXE_grid");
    let script = ask.replace("cargo run -q -p grid-cli --", program);
    assert_eq!(script.matches(program).count(), 4, "{script}");
    let ran = Command::new("sh").args(["-ec", &script]).current_dir(&root).output().unwrap();
    let (out, err) =
        (String::from_utf8(ran.stdout).unwrap(), String::from_utf8(ran.stderr).unwrap());
    assert!(ran.status.success(), "{out}{err}");
    for text in [
        "Files\n  stat(path: RelPath) -> Result<Stat, FilesError>",
        "  kind       single request\n",
        "\"kind\": \"f\"",
        "{\"Item\":{\"path\":\"ZG9jcw==\",\"stat\":{\"kind\":\"d\"",
    ] {
        assert!(out.contains(text), "{text}: {out}");
    }
    assert_eq!(out.lines().filter(|line| line.starts_with("{\"Item\"")).count(), 3, "{out}");
}
