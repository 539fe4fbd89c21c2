//! The programs, run as anybody would, and what they print.

use std::process::{Command, Stdio};

/// Runs a program to its end and gives what it has printed.
fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("the program was built for this test");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}\n{printed}\n{complaints}", output.status);
    printed
}

#[test]
fn quickstart() {
    let expected = "greet: Hello, grid!\ncount: 1\ncount: 2\ncount: 3\nsum: 1\nsum: 11\nsum: 111\n";
    assert_eq!(run(env!("CARGO_BIN_EXE_quickstart"), &[]), expected);
}

#[test]
fn the_readme_shows_the_quickstart() {
    let program = include_str!("../src/bin/quickstart.rs");
    let (_, shown) = program.split_once("\n\n").expect("a header");
    assert!(include_str!("../../README.md").contains(&format!("```rust\n{shown}```\n")));
    assert!(program.lines().count() < 60);
}
