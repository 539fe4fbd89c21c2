//! What the demonstration prints.

use super::program::{command, run};

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration() {
    let (code, out, errors) = run(command(&["demo", "--seconds", "1", "--kills", "1"])).await;
    assert_eq!(code, 0, "{out}{errors}");
    // No bar: it is not a terminal.
    assert_eq!(errors, "");
    let lines: Vec<_> = out.lines().collect();
    let [started, killed, again, verdict] = lines[..] else { panic!("{out}") };
    assert!(started.starts_with("three nodes run, and http://127."), "{out}");
    assert!(killed.starts_with("killed the leader, http://127."), "{out}");
    assert!(again.starts_with("started it again: it was ready, with all writes, after "), "{out}");
    assert!(verdict.contains(" writes were acknowledged, 0 of them are lost; "), "{out}");
    assert!(verdict.ends_with(" 0 have failed"), "{out}");

    // The README shows a run with more kills.
    let readme = include_str!("../../../README.md");
    let (_, shown) = readme.split_once("--bin kv -- demo\n```\n\n```text\n").expect("the command");
    let shown = shown.split_once("```").expect("the end of its output").0;
    let expected: Vec<_> = lines.iter().map(|line| shape(line)).collect();
    let mut found: Vec<_> = shown.lines().map(shape).collect();
    assert!(found.len() > 4 && shown.contains(", 0 of them are lost;"), "{shown}");
    let last = found.split_off(found.len() - 1);
    let kills = found.split_off(1);
    assert_eq!((&found[..], &last[..]), (&expected[..1], &expected[3..]));
    assert!(kills.chunks(2).all(|kill| *kill == expected[1..3]), "{kills:?}");
}

/// A line without what differs from run to run: names, numbers and times.
fn shape(line: &str) -> String {
    let word = |word: &str| match word.contains(char::is_numeric) {
        true => "#".to_owned(),
        false => word.to_owned(),
    };
    line.split(' ').map(word).collect::<Vec<_>>().join(" ")
}
