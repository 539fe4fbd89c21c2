//! The program itself, against nodes over real sockets.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod bench;
mod commands;
mod connecting;
mod console;
mod console_limits;
mod contexts;
mod help;
mod operators;
mod refused;
mod returning;
mod streams;

use std::io::Write as _;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// What a run of the program has come to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(Output { status, stdout, stderr }: Output) -> Self {
        let [out, err] = [stdout, stderr].map(|text| String::from_utf8(text).unwrap());
        Self { code: status.code().unwrap(), out, err }
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{self:?}");
        serde_json::from_str(&self.out).unwrap()
    }

    #[track_caller]
    pub(crate) fn fails(&self, code: i32, text: &str) {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.err.contains(text), "{self:?}");
    }
}

/// Starts the program, to connect to this node.
fn start(node: &str, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_grid"))
        .args(arguments)
        .env("GRID_NODE", node)
        // Those of the user are none of the test's.
        .env("GRID_CONTEXTS", std::env::temp_dir().join("no-contexts-of-tests.json"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs the program to its end.
fn run_with(node: &str, arguments: &[&str], input: &str) -> Ran {
    let mut program = start(node, arguments);
    // It may end before it has read all.
    let _ = program.stdin.take().unwrap().write_all(input.as_bytes());
    Ran::of(program.wait_with_output().unwrap())
}
