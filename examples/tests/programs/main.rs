//! Runs the programs and checks what they print; for `node`, see node.rs, observe.rs and deploy.rs.
#![allow(clippy::unwrap_used, reason = "all of it is tests")]

mod client;
mod deploy;
mod node;
mod observe;
#[path = "../ports/mod.rs"]
mod ports;
mod query;
mod shell;

use std::process::{Command, Stdio};

/// Runs a program to its end and returns what it has printed.
fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("cargo has built the program");
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
    let program = include_str!("../../src/bin/quickstart.rs");
    let (_, shown) = program.split_once("\n\n").expect("a header");
    assert!(include_str!("../../../README.md").contains(&format!("```rust\n{shown}```\n")));
    assert!(program.lines().count() < 60);
}

#[test]
fn chat() {
    let expected = "\
three nodes are connected
* ann@node1 has joined                                       (read by ann)
* ben@node2 has joined                                       (read by ann, ben)
* cat@node3 has joined                                       (read by ann, ben, cat)
ann@node1: hello, everybody                                  (read by ann, ben, cat)
cat@node3: hello, ann, I have to restart my node             (read by ann, ben, cat)
* cat@node3 has left                                         (read by ann, ben)
* node3 is not connected any more                            (read by ann, ben)
ben@node2: shall we wait?                                    (read by ann, ben)
* node3 is connected                                         (read by ann, ben)
* cat@node3 has joined                                       (read by ann, ben, cat)
cat@node3: did I miss something?                             (read by ann, ben, cat)
the end
";
    assert_eq!(run(env!("CARGO_BIN_EXE_chat"), &["demo"]), expected);
}

#[test]
fn a_chat_node_serves_its_user_until_the_input_ends() {
    // The node has no peers, so any free port will do.
    let args = ["--name", "http://127.0.0.1:1", "--hosts", "http://127.0.0.1:1"];
    let args = [&["node"], &args[..], &["--listen", "127.0.0.1:0", "--user", "ann"]].concat();
    run(env!("CARGO_BIN_EXE_chat"), &args);
}

#[test]
fn gossip() {
    let expected = "the first node has found the two others\nthe last node has stopped, and is no member any more\n";
    assert_eq!(run(env!("CARGO_BIN_EXE_gossip"), &["demo"]), expected);
}

#[test]
fn locks() {
    let printed = run(env!("CARGO_BIN_EXE_locks"), &["demo", "--workers", "6", "--rounds", "5"]);
    let lines: Vec<_> = printed.lines().collect();
    let [connected, alone, five, stopped, four, lost, refused] = lines[..] else {
        panic!("not seven lines:\n{printed}");
    };
    assert_eq!(connected, "5 nodes are connected; a write lock takes 3 of them");
    assert!(alone.starts_with("without contention: "), "{alone}");
    assert!(five.starts_with("6 workers on 5 nodes counted to 30 of 30 in "), "{five}");
    assert_eq!(stopped, "one node is shut down");
    assert!(four.starts_with("6 workers on 4 nodes counted to 30 of 30 in "), "{four}");
    assert!(
        lost.starts_with("two more are shut down: the holder of a lock is notified after "),
        "{lost}"
    );
    let refusal =
        "no lock on other within 100ms: it takes 3 of 5 nodes, but 0 refused and 3 did not answer";
    assert_eq!(refused, refusal);
}
