//! Nodes on real sockets and in real time.

use std::time::Duration;

use grid::{CallError, Config};
use tokio::time::Instant;

use crate::{Numbered, ProbeServer, probe, probes};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_works_over_sockets() {
    let grid = probes(3).on_loopback().start();
    grid.all_connected().await;
    for (from, to) in (0..3).flat_map(|from| (0..3).map(move |to| (from, to))) {
        assert_eq!(probe(&grid, from, to).number().await, Ok(to as u64));
    }
    let large = "x".repeat(1 << 20);
    assert_eq!(probe(&grid, 0, 1).echo(large.clone()).await.unwrap(), large);

    grid.cut(0, 1);
    grid.disconnected(0, 1).await;
    assert!(probe(&grid, 0, 1).number().await.is_err());
    grid.heal(0, 1);
    grid.all_connected().await;

    grid.delay(0, 2, Duration::from_millis(40));
    let began = Instant::now();
    probe(&grid, 0, 2).number().await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(80), "{:?}", began.elapsed());

    grid.kill(2);
    grid.disconnected(1, 2).await;
    grid.restart(2).await;
    grid.all_connected().await;
    assert_eq!(probe(&grid, 1, 2).number().await, Ok(2));
    grid.nothing_in_flight().await;
}

#[tokio::test]
async fn a_shutdown_over_sockets_loses_no_call() {
    let grid = probes(2).on_loopback().start();
    grid.all_connected().await;
    let call = tokio::spawn(probe(&grid, 0, 1).sleep(1));
    while grid.connection(1, 0).stats().in_flight_in == 0 {
        tokio::task::yield_now().await;
    }
    grid.shutdown(1, Duration::from_secs(10)).await;
    assert_eq!(call.await.unwrap(), Ok(1));
    let error = probe(&grid, 0, 1).number().await.unwrap_err();
    assert!(matches!(error, CallError::Disconnected { .. }), "{error:?}");
}

#[tokio::test]
async fn a_node_works_in_real_time_in_memory() {
    let config = Config::default().ping_interval(Duration::from_millis(500));
    let grid = grid::testing::TestGrid::builder(2)
        .configure(move |node, builder| {
            let builder = builder.config(config.clone());
            builder.service(ProbeServer::new(Numbered(node as u64)))
        })
        .start();
    grid.all_connected().await;
    grid.freeze(0, 1);
    grid.disconnected(0, 1).await;
    grid.heal(0, 1);
    grid.all_connected().await;
    assert_eq!(probe(&grid, 1, 0).number().await, Ok(0));
}
