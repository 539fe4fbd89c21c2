//! Options and input that are refused.

use std::fs;
use std::process::Command;

use crate::commands::node;
use crate::contexts::Folder;
use crate::{Ran, run_with};

/// What nobody answers at: wrong options need no node.
const NOWHERE: &str = "http://127.0.0.1:1";

#[test]
fn values_out_of_range_are_wrong_usage() {
    let run = |arguments: &[&str]| run_with(NOWHERE, arguments, "");
    for share in ["2", "-1", "nan", "half"] {
        let option = format!("--share={share}");
        run(&["tap", &option]).fails(2, "it must be a number from 0 to 1");
        run(&["tap", "--all", &option]).fails(2, "it must be a number from 0 to 1");
    }
    for every in ["5ms", "61s"] {
        run(&["top", "--once", "--every", every]).fails(2, "it must be from 100ms to 1m");
        run(&["top", "--all", "--once", "--every", every]).fails(2, "it must be from 100ms to 1m");
    }
}

#[test]
fn input_that_is_not_text_is_wrong_input() {
    let folder = Folder::new("input");
    let file = folder.0.join("input");
    fs::write(&file, b"\xff").unwrap();
    let node = node();
    let run = |arguments: &[&str]| {
        let program = Command::new(env!("CARGO_BIN_EXE_grid"))
            .args(arguments)
            .env("GRID_NODE", &node.name)
            .env("GRID_CONTEXTS", folder.0.join("contexts.json"))
            .stdin(fs::File::open(&file).unwrap())
            .output();
        Ran::of(program.unwrap())
    };
    run(&["call", "Store/get", "-"]).fails(2, "cannot read standard input: ");
    run(&["stream", "Store/sum"]).fails(2, "cannot read line 1 of standard input: ");
}
