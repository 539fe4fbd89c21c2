//! Runs the checks of `peer` in memory and virtual time, and between two processes.
#![allow(clippy::unwrap_used, reason = "all of it is tests")]

#[path = "../../grid/tests/support/mod.rs"]
mod support;

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use grid::Manager;
use grid_examples::peer::checks::{all, run_all};
use grid_examples::peer::handlers;
use support::{A, B, EXTENSIONS, Network, pair};

/// Runs all checks of one node against another, or against itself.
async fn drive(from: &Manager, to: &str) {
    let mut failures = Vec::new();
    let connection = from.connection(to).unwrap();
    let failed = run_all(&connection, |outcome| {
        if outcome.failure.is_some() {
            failures.push(outcome.to_string());
        }
    })
    .await;
    assert_eq!(failed, 0, "{} to {to}: {failures:#?}", from.name());
}

/// Checks that answered, cancelled and late calls have left nothing behind.
async fn nothing_is_served(manager: &Manager) {
    tokio::time::sleep(Duration::from_millis(100)).await;
    let stats = manager.stats();
    for connection in stats.connections.iter().chain([&stats.loopback]) {
        let left = (connection.in_flight_in, connection.in_flight_out, connection.queued_bytes);
        assert_eq!(left, (0, 0, 0), "{connection:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn all_checks_pass_in_memory_whichever_node_dials() {
    let (_network, a, b) = pair(handlers::install).await;
    assert_ne!(grid::dials(A, B), grid::dials(B, A));
    for (from, to) in [(&a, B), (&b, A), (&a, A)] {
        drive(from, to).await;
        nothing_is_served(&a).await;
        nothing_is_served(&b).await;
    }
    assert_eq!(a.stats().connections[0].connects, 1, "one connection has carried all checks");
}

#[tokio::test(start_paused = true)]
async fn all_checks_pass_in_both_directions_at_once() {
    let (_network, a, b) = pair(handlers::install).await;
    tokio::join!(drive(&a, B), drive(&b, A));
    nothing_is_served(&a).await;
    nothing_is_served(&b).await;
}

#[tokio::test(start_paused = true)]
async fn all_checks_pass_without_checksums() {
    let names = ["https://a:1", "https://b:1"];
    let network = Network::default();
    let [a, b] = names.map(|name| handlers::install(network.node(name, &names)).build().unwrap());
    network.attach(&a);
    network.attach(&b);
    for (from, to) in [(&a, names[1]), (&b, names[0])] {
        from.connection(to).unwrap().wait_connected(Duration::from_secs(5)).await.unwrap();
        drive(from, to).await;
    }
}

#[tokio::test(start_paused = true)]
async fn all_checks_pass_without_any_one_of_the_extensions() {
    let mut offers: Vec<Vec<&str>> = EXTENSIONS
        .iter()
        .map(|missing| EXTENSIONS.iter().copied().filter(|name| name != missing).collect())
        .collect();
    offers.push(Vec::new());
    for offer in offers {
        let network = Network::default();
        let a = handlers::install(network.node(A, &[A, B])).build().unwrap();
        let b = network.node(B, &[A, B]).extensions(offer.iter().copied());
        let b = handlers::install(b).build().unwrap();
        network.attach(&a);
        network.attach(&b);
        for (from, to) in [(&a, B), (&b, A)] {
            from.connection(to).unwrap().wait_connected(Duration::from_secs(5)).await.unwrap();
            drive(from, to).await;
        }
        // Without `cancel`, the handler of a cancelled request runs until its deadline at the latest.
        tokio::time::sleep(Duration::from_secs(60)).await;
        nothing_is_served(&a).await;
        nothing_is_served(&b).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_without_handlers_fails_the_checks_that_need_them() {
    let (_network, a, _b) = pair(|builder| builder).await;
    let mut passed = Vec::new();
    let connection = a.connection(B).unwrap();
    let failed = run_all(&connection, |outcome| {
        if outcome.failure.is_none() {
            passed.push(outcome.name.clone());
        }
    })
    .await;
    assert_eq!(failed + passed.len(), all().len());
    let refused = |name: &&String| name.starts_with("unknown ") || name.contains(" to a ");
    assert_eq!(passed.iter().filter(refused).count(), passed.len(), "{passed:#?}");
}

#[tokio::test(start_paused = true)]
async fn pings_keep_an_idle_stream_alive() {
    let (_network, a, _b) = pair(handlers::install).await;
    let opening = a.connection(B).unwrap().stream(
        handlers::ECHO_STREAM,
        handlers::ECHO_CAPACITIES,
        Some("pre:".into()),
    );
    let (mut input, mut output) = opening.await.unwrap();
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(300)).await;
        input.send("x").await.unwrap();
        assert_eq!(output.next().await.unwrap().unwrap(), "pre:x");
    }
}

/// A node in its own process, which ends with the test.
struct Node(Child);

impl Node {
    /// Starts it and waits until it listens.
    fn start(local: &str, remote: &str) -> Self {
        let mut child = peer(local, remote).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("listens on"), "{line:?}");
        Self(child)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn peer(local: &str, remote: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_peer"));
    let listen = local.strip_prefix("http://").unwrap();
    command.args(["--local", local, "--remote", remote, "--listen", listen]);
    command.env("RUST_LOG", "warn").env("RUST_BACKTRACE", "0");
    command
}

/// Names of two nodes on free ports: first the one that dials.
fn names() -> [String; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [one, other] =
        listeners.map(|listener| format!("http://{}", listener.local_addr().unwrap()));
    if grid::dials(&one, &other) { [one, other] } else { [other, one] }
}

#[test]
fn all_checks_pass_between_processes() {
    let [dials, accepts] = names();
    for (driver, other) in [(&dials, &accepts), (&accepts, &dials)] {
        let _node = Node::start(other, driver);
        let output = peer(driver, other).arg("--drive").output().unwrap();
        let (out, err) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{driver} against {other}: {out}{err}");
        let passed = out.lines().filter(|line| line.starts_with("PASS ")).count();
        assert_eq!(passed, all().len(), "{out}");
    }
}

#[test]
fn a_bench_reports_and_a_missing_node_is_named() {
    let [dials, accepts] = names();
    let output = peer(&dials, &accepts).args(["--drive", "--wait", "300ms"]).output().unwrap();
    assert!(!output.status.success());
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.contains(&format!("no connection to {accepts}")), "{err}");
    let _node = Node::start(&accepts, &dials);
    let output = peer(&dials, &accepts).args(["--bench", "1", "4", "512"]).output().unwrap();
    assert!(output.status.success());
    let out = String::from_utf8_lossy(&output.stdout);
    let report = out.lines().last().unwrap();
    for word in ["req/s", "p50 ", "p90 ", "p99 ", "p99.9 ", "max "] {
        assert!(report.contains(word), "{out}");
    }
    // A round trip to another process takes longer than nanoseconds.
    assert!(!report.contains("ns"), "{out}");
}

#[cfg(unix)]
#[test]
fn a_serving_node_ends_on_sigterm() {
    let [dials, accepts] = names();
    let mut node = Node::start(&dials, &accepts);
    let pid = node.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert!(node.0.wait().unwrap().success());
}
