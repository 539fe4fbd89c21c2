//! Assertions: what they wait for, and what they say.

use std::time::Duration;

use grid::{CallError, testing::TestGrid};
use tokio::time::Instant;

use crate::{panic_of, probe, probes};

#[tokio::test(start_paused = true)]
async fn what_is_not_connected_is_named_with_the_reason() {
    let grid = probes(4).assertion_timeout(Duration::from_secs(20)).start();
    grid.cut(0, 1);
    grid.kill(3);
    let began = Instant::now();
    let text = panic_of(grid.all_connected()).await;
    assert_eq!(began.elapsed().as_secs(), 20);
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].contains("tests/testing/asserting.rs:"), "where it was asserted: {text}");
    assert!(lines[0].ends_with("2 of 6 directions are not connected after 20s:"), "{text}");
    let between =
        ["http://node1:9000 -> http://node2:9000: ", "http://node2:9000 -> http://node1:9000: "];
    for (line, pair) in lines[1..].iter().zip(between) {
        assert!(
            line.trim_start().starts_with(pair) && line.ends_with("(faults of the test: cut)"),
            "{text}"
        );
    }
    assert!(text.contains("no route from") && text.contains("the test has cut it"), "{text}");
    assert_eq!(lines[3], "  http://node4:9000 does not run: it was killed");
    assert_eq!(lines.len(), 4, "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_not_on_a_list_is_named() {
    let grid = TestGrid::builder(2)
        .configure(|node, builder| match node {
            0 => builder,
            _ => builder.hosts(["http://node2:9000", "http://node3:9000"]),
        })
        .start();
    let text = panic_of(grid.all_connected()).await;
    assert!(
        text.contains("http://node1:9000 is not in the host list of http://node2:9000"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_stays_is_named() {
    let grid = probes(2).assertion_timeout(Duration::from_secs(5)).start();
    grid.all_connected().await;
    let text = panic_of(grid.disconnected(0, 1)).await;
    assert!(text.ends_with("http://node1:9000 -> http://node2:9000: connected after 5s"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight_are_named_with_their_nodes() {
    let grid = probes(3).assertion_timeout(Duration::from_secs(5)).start();
    grid.all_connected().await;
    grid.nothing_in_flight().await;
    let calls =
        [(0, 1), (0, 1), (2, 2)].map(|(from, to)| tokio::spawn(probe(&grid, from, to).sleep(60)));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let text = panic_of(grid.nothing_in_flight()).await;
    let (first, rest) = text.split_once('\n').unwrap();
    assert!(first.ends_with("calls are in flight after 5s:"), "{text}");
    let expected = [
        "  http://node1:9000 has 2 to http://node2:9000, and serves 0 of it",
        "  http://node2:9000 has 0 to http://node1:9000, and serves 2 of it",
        "  http://node3:9000 has 1 to http://node3:9000, and serves 1 of it",
    ];
    assert_eq!(rest.lines().collect::<Vec<_>>(), expected);

    // It waits for those that end in time, and a dropped call is none.
    for call in calls {
        call.abort();
    }
    let short = tokio::spawn(probe(&grid, 0, 1).sleep(3));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let began = Instant::now();
    grid.nothing_in_flight().await;
    assert!((1900..2100).contains(&began.elapsed().as_millis()), "{:?}", began.elapsed());
    assert_eq!(short.await.unwrap(), Ok::<_, CallError>(1));
}
