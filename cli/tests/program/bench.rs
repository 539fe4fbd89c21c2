//! `grid bench`.

use std::{env, fs, process};

use serde_json::Value;

use crate::operators::{grid, open};
use crate::run_with;

#[test]
fn a_method_is_measured_and_compared() {
    let grid = grid(|_, builder| open(builder));
    let file = env::temp_dir().join(format!("grid-bench-{}.json", process::id()));
    let file = file.to_str().unwrap();
    let short = ["bench", "Clock/now", "--for", "200ms", "--warm-up", "0ms"];
    let first = grid.run(&[&short[..], &["-c", "4", "--save", file]].concat());
    assert!(first.code == 0 && first.out.contains("Clock/now with 4 callers"), "{first:?}");
    let second = grid.run(&[&short[..], &["-c", "4", "--compare", file]].concat());
    assert!(second.out.contains("now / earlier") && second.err.is_empty(), "{second:?}");
    let paced = grid.run(&[&short[..], &["--rate", "100", "--compare", file]].concat());
    assert!(paced.err.contains("another one: Clock/now with 4 callers"), "{paced:?}");
    let paced = grid.run(&[&short[..], &["--rate", "100", "--json"]].concat()).json();
    assert!((10..=21).contains(&paced["answered"].as_u64().unwrap()), "{paced}");
    assert_eq!(paced["rate"], 100, "{paced}");
    let both = grid.run(&[&short[..], &["-c", "4", "--compare", file, "--json"]].concat());
    let (both, saved) = (both.json(), fs::read_to_string(file).unwrap());
    assert_eq!(both["earlier"], serde_json::from_str::<Value>(&saved).unwrap());
    assert!(both["now"]["answered"].as_u64().unwrap() > 0, "{both}");
    fs::remove_file(file).unwrap();
    grid.run(&["bench", "Clock/fail"]).fails(1, "out of springs");
    grid.run(&[&short[..], &["--compare", file]].concat())
        .fails(2, "cannot read an earlier result");
}

/// Nothing can be said of no time, and of a time that no clock reaches.
#[test]
fn times_that_cannot_be_measured_are_refused() {
    let bench =
        |time: &str| run_with("http://127.0.0.1:1", &["bench", "Clock/now", "--for", time], "");
    bench("0s").fails(2, "it must be from 1ms to 7days");
    bench("1000000000y").fails(2, "it must be from 1ms to 7days");
}

/// Progress is for people: what is read by a program has none.
#[test]
fn a_pipe_has_no_progress() {
    let grid = grid(|_, builder| open(builder));
    let ran = grid.run(&["bench", "Clock/now", "--for", "600ms", "--warm-up", "0s", "-c", "1"]);
    assert!(ran.code == 0 && ran.err.is_empty(), "{ran:?}");
}
