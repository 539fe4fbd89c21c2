//! Connections that fail, and what the errors say to do.

use std::net;

use grid::{Builder, Guests, SharedSecret};

use crate::contexts::Folder;
use crate::operators::{Grid, grid, open};
use crate::run_with;

/// What nobody answers at.
const NOWHERE: &str = "http://127.0.0.1:1";

#[test]
fn a_node_without_a_scheme_is_wrong_usage() {
    let run = |node: &str| run_with(NOWHERE, &["--node", node, "ls"], "");
    run("127.0.0.1:9311")
        .fails(2, "`127.0.0.1:9311` is not a node name: write http://127.0.0.1:9311");
    run("http://127.0.0.1:9311/").fails(2, "it must end after host and port");
    let never = ["--connect-timeout", "0s", "ls"];
    run_with(NOWHERE, &never, "").fails(2, "`--connect-timeout` is 0ns");
}

#[test]
fn a_connection_that_fails_says_what_to_do() {
    // A node that has a secret of the grid refuses a wrong one in another way.
    refuses(&grid(|_, builder| for_operators(open(builder))));
    refuses(&grid(|_, builder| for_operators(open(builder)).token(SharedSecret::new("grid"))));
}

fn for_operators(builder: Builder) -> Builder {
    builder.guests(Guests::up_to(4).token(SharedSecret::new("for operators")))
}

fn refuses(grid: &Grid) {
    let node = grid.name(0);
    let other = node.replace("127.0.0.1", "localhost");
    let run = |node: &str, secret: &str| run_with(node, &["--secret", secret, "ls"], "");
    assert_eq!(run(node, "for operators").code, 0);
    let hint = format!("this node is called {node}: pass `--node {node}`");
    run(&other, "for operators").fails(3, &hint);
    let wrong = run(node, "a guess");
    assert!(
        wrong.err.starts_with("error: the secret is wrong for guests of this node"),
        "{wrong:?}"
    );
    wrong.fails(3, "invalid token");
    grid.run(&["ls"]).fails(3, "set GRID_SECRET or pass `--secret-file`");
}

#[test]
fn a_timeout_names_its_option() {
    // Its queue takes the connection, and nobody reads it.
    let silent = net::TcpListener::bind("127.0.0.1:0").unwrap();
    let name = format!("http://{}", silent.local_addr().unwrap());
    let ran = run_with(&name, &["--connect-timeout", "100ms", "ls"], "");
    ran.fails(3, "(`--connect-timeout`)");
}

#[test]
fn empty_variables_are_not_set() {
    let folder = Folder::new("empty");
    let run =
        |variables: &[(&str, &str)], arguments: &[&str]| folder.run_with(variables, arguments);
    run(&[("GRID_NODE", "")], &["ls"]).fails(2, "no node to connect to");
    // Otherwise there would be a secret and a file with one, and a certificate without a key.
    let empty = [("GRID_NODE", NOWHERE), ("GRID_SECRET", ""), ("GRID_CERT", "")];
    run(&empty, &["--secret-file", "/nowhere/secret", "ls"]).fails(2, "/nowhere/secret");
    let demo = ["console", "--demo", "--listen", "0.0.0.0:0"];
    run(&[("GRID_CONSOLE_TOKEN", "")], &demo).fails(2, "pass a token with --token-file");
}

#[test]
fn an_option_replaces_a_variable() {
    let folder = Folder::new("replaced");
    let run =
        |variables: &[(&str, &str)], arguments: &[&str]| folder.run_with(variables, arguments);
    let file = ["-n", NOWHERE, "--secret-file", "/nowhere/secret"];
    let [token, secret] = [("GRID_TOKEN", "a"), ("GRID_SECRET", "b")];
    run(&[token, secret], &[&file[..], &["ls"]].concat()).fails(2, "/nowhere/secret");
    // Also behind the command.
    run(&[token, secret], &[&["ls"], &file[..]].concat()).fails(2, "/nowhere/secret");
    run(&[token, secret], &["-n", NOWHERE, "ls"])
        .fails(2, "GRID_SECRET and GRID_TOKEN are both set: unset one of them");
    run(&[], &[&file[..], &["--token", "a", "ls"]].concat())
        .fails(2, "--secret-file and --token exclude each other");
}
