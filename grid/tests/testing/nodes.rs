//! Nodes that are killed, shut down and restarted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use grid::testing::TestGrid;
use grid::{CallError, Guest, Guests, Instance, LinkError, Sent, State};

use crate::{Numbered, ProbeClient, ProbeServer, panic_of, probe, probes};

/// The run of a node, as another one sees it.
fn instance(grid: &TestGrid, from: usize, to: usize) -> Instance {
    match grid.connection(from, to).state() {
        State::Connected { instance } => instance,
        state => panic!("{state:?}"),
    }
}

/// Why a call failed that may have run.
fn reason(error: CallError) -> LinkError {
    match error {
        CallError::Disconnected { sent: Sent::Maybe, reason, .. } => LinkError::clone(&reason),
        error => panic!("{error:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_killed_node_says_nothing() {
    let grid = probes(3).start();
    grid.all_connected().await;
    let served = tokio::spawn(probe(&grid, 0, 1).sleep(60));
    let made = tokio::spawn(probe(&grid, 1, 0).sleep(60));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let kept = grid.node(1);
    grid.kill(1);
    let lost = reason(served.await.unwrap().unwrap_err());
    assert!(matches!(&lost, LinkError::Closed { code: None, .. } | LinkError::Io(_)), "{lost:?}");
    assert!(matches!(reason(made.await.unwrap().unwrap_err()), LinkError::ShutDown));
    drop(kept);
    assert_eq!(probe(&grid, 0, 2).number().await, Ok(2), "the others are not affected");

    // Nobody answers there any more.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let states = [grid.connection(0, 1).state(), grid.connection(2, 1).state()];
    assert!(states.iter().all(|state| !state.is_connected()), "{states:?}");
    let text = panic_of(async { grid.node(1) }).await;
    assert_eq!(text, "http://node2:9000 does not run, it was killed: `restart(1)` starts it again");
    grid.kill(1);
}

#[tokio::test(start_paused = true)]
async fn a_shut_down_node_finishes_its_calls() {
    let grid = probes(2).start();
    grid.all_connected().await;
    let served = tokio::spawn(probe(&grid, 0, 1).sleep(5));
    tokio::time::sleep(Duration::from_secs(1)).await;
    grid.shutdown(1, Duration::from_secs(30)).await;
    assert_eq!(served.await.unwrap(), Ok(1));
    let text = panic_of(async { grid.connection(1, 0) }).await;
    assert!(text.contains("http://node2:9000 does not run, it was shut down"), "{text}");
    // Both do nothing now, and it is remembered how the node has ended.
    grid.shutdown(1, Duration::ZERO).await;
    grid.kill(1);
    let again = panic_of(async { grid.connection(1, 0) }).await;
    assert_eq!(again, text);
}

#[tokio::test(start_paused = true)]
async fn a_restarted_node_is_another_run_with_the_same_name() {
    let started = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&started);
    let grid = TestGrid::builder(3)
        .configure(move |node, builder| {
            // Each run answers with a number of its own.
            let run = count.fetch_add(1, Ordering::Relaxed) as u64;
            builder.service(ProbeServer::new(Numbered(10 * node as u64 + run)))
        })
        .start();
    grid.all_connected().await;
    let (connection, probe) = (grid.connection(0, 1), probe(&grid, 0, 1));
    assert_eq!(probe.number().await, Ok(11));
    let mut runs = vec![instance(&grid, 0, 1)];
    for ended in ["killed", "shut down", "running"] {
        match ended {
            "killed" => grid.kill(1),
            "shut down" => grid.shutdown(1, Duration::ZERO).await,
            _ => {}
        }
        grid.restart(1).await;
        grid.all_connected().await;
        assert_eq!(instance(&grid, 0, 1), instance(&grid, 2, 1));
        runs.push(instance(&grid, 0, 1));
        assert_eq!(probe.number().await, Ok(10 + runs.len() as u64 + 1), "{ended}");
    }
    let distinct: std::collections::HashSet<_> = runs.iter().collect();
    assert_eq!(distinct.len(), 4);
    assert_eq!(started.load(Ordering::Relaxed), 6);
    assert_eq!(connection.stats().connects, 4, "the link of the others stays");
}

#[tokio::test(start_paused = true)]
async fn faults_outlive_a_restart() {
    let grid = probes(2).start();
    grid.cut(0, 1);
    grid.restart(0).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!grid.connection(0, 1).state().is_connected());
    grid.heal(0, 1);
    grid.all_connected().await;
}

#[tokio::test(start_paused = true)]
async fn a_dropped_grid_ends_its_nodes() {
    let grid = probes(2).start();
    grid.all_connected().await;
    let (connection, network) = (grid.connection(0, 1), grid.network().clone());
    drop(grid);
    assert_eq!(connection.state(), State::Shutdown);
    assert_eq!(
        format!("{network:?}"),
        "Network { nodes: [\"http://node1:9000\", \"http://node2:9000\"], .. }"
    );
}

#[tokio::test(start_paused = true)]
async fn a_guest_connects_through_the_network_of_the_grid() {
    let grid = TestGrid::builder(2)
        .configure(|node, builder| {
            builder.service(ProbeServer::new(Numbered(node as u64))).guests(Guests::up_to(1))
        })
        .start();
    let dialer = grid.network().dialer("tool");
    let guest = Guest::builder(grid.name(1))
        .configure(|builder| builder.token(grid::NoAuth).dial_with(dialer))
        .connect()
        .await
        .unwrap();
    assert_eq!(ProbeClient::new(guest.connection()).number().await, Ok(1));
    grid.network().cut("tool", grid.name(1));
    let gone = guest.connection().states();
    gone.wait_for(|state| !state.is_connected()).await.unwrap();
    grid.network().heal("tool", grid.name(1));
    guest.connection().wait_connected(Duration::from_secs(5)).await.unwrap();
}

#[tokio::test]
async fn a_node_that_cannot_be_built_is_named() {
    let build = async { TestGrid::named(["http://a:1", "http://A:1"]).start() };
    let text = panic_of(build).await;
    assert!(text.starts_with("cannot build node 0, http://a:1: "), "{text}");
}
