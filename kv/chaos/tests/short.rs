//! Twenty seconds of faults on real processes, and a disk that lies, which must be found.
//!
//! This runs on busy machines, and in a debug build: what is judged is what clients see, and never how long something takes.
#![cfg(target_os = "linux")]

use std::process::{Command, Output};

use serde_json::Value;

/// Runs the program, and returns its output and its results.
fn run(name: &str, args: &[&str]) -> (Output, String, Value) {
    let json = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_file(&json);
    let output = Command::new(env!("CARGO_BIN_EXE_kv-chaos"))
        .args(["run", "--json"])
        .arg(&json)
        .args(args)
        .output()
        .expect("the program was built");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let printed = text(&output.stdout) + &text(&output.stderr);
    let results =
        std::fs::read_to_string(json).unwrap_or_else(|error| panic!("{error}: {printed}"));
    let results = serde_json::from_str(&results).expect("they are JSON");
    (output, printed, results)
}

fn count(results: &Value, name: &str) -> u64 {
    results[name].as_u64().unwrap_or_else(|| panic!("no {name} in {results}"))
}

#[test]
fn twenty_seconds_of_faults_without_a_violation() {
    let (output, printed, results) =
        run("short.json", &["--seconds", "20", "--clients", "6", "--recovery-s", "120"]);
    assert!(output.status.success(), "{printed}");
    // It has done something: a run without writes or faults has no violations either.
    assert!(count(&results, "acknowledged") > 50, "{printed}");
    assert!(count(&results, "audited") > 4, "{printed}");
    let faults = results["faults"].as_array().expect("a list");
    let faults: u64 = faults.iter().map(|row| count(row, "faults")).sum();
    assert!(faults >= 2, "{printed}");
}

/// Nodes acknowledge writes that are only in their memory, and all of them lose their power.
#[test]
fn acknowledged_writes_that_disks_have_lost_are_found() {
    let args = "--seconds 6 --clients 4 --only power-loss-of-all --bug lying-disks --recovery-s 30";
    // What the run keeps, because it finds something.
    let temporary = tempfile::tempdir().expect("a folder for temporary files");
    let folder = temporary.path().to_str().expect("its name is in UTF-8");
    let args: Vec<_> = args.split(' ').chain(["--folder", folder]).collect();
    let (output, printed, results) = run("lies.json", &args);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(count(&results, "lost") > 0, "{printed}");
    assert!(printed.contains("is not linearisable"), "{printed}");
}
