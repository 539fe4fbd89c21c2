//! Twenty seconds of faults on four nodes, and another twenty for their start and end, with generous limits: this runs on busy
//! machines, and in a debug build.
//!
//! What is checked of answers, executions, streams and tables is the same as in a long run. Only times are not judged strictly.
#![cfg(target_os = "linux")]

use std::process::Command;

#[test]
fn twenty_seconds_of_faults_without_a_violation() {
    let json = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("short.json");
    let json = json.to_str().expect("the folder of the workspace has a name in UTF-8");
    let output = Command::new(env!("CARGO_BIN_EXE_grid-chaos"))
        .args(["run", "--seconds", "20", "--nodes", "4", "--pause-ms", "50"])
        .args(["--slack-ms", "10000", "--recovery-s", "60", "--json", json])
        .output()
        .expect("the program was built");
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}{err}");

    // It has done something: a run without calls, executions or faults has no violations either.
    let results = std::fs::read_to_string(json).expect("the results were written");
    let results: serde_json::Value = serde_json::from_str(&results).expect("they are JSON");
    let answered = results["total"]["answered"].as_u64();
    assert!(answered > Some(500), "{out}");
    assert!(results["runs"].as_u64() >= answered, "{out}");
    assert!(results["total"]["items"].as_u64() > Some(500), "{out}");
    let kinds = results["recoveries"].as_array().expect("a list");
    let kinds = kinds.iter().filter(|kind| kind["faults"].as_u64() > Some(0)).count();
    assert!(kinds >= 8, "{out}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
