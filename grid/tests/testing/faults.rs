//! The faults between nodes, in virtual time.

use std::time::Duration;

use grid::testing::{Skew, TestGrid};
use grid::{CallError, Config, LinkError, Sent, SharedSecret, State};
use tokio::time::Instant;

use crate::{Numbered, ProbeServer, probe, probes};

#[tokio::test(start_paused = true)]
async fn a_cut_ends_connections_and_lets_dials_fail_until_it_is_healed() {
    let grid = probes(3).start();
    grid.all_connected().await;
    let running = tokio::spawn(probe(&grid, 0, 1).sleep(60));
    tokio::time::sleep(Duration::from_secs(1)).await;

    let began = Instant::now();
    grid.cut(0, 1);
    let error = running.await.unwrap().unwrap_err();
    assert!(matches!(error, CallError::Disconnected { sent: Sent::Maybe, .. }), "{error:?}");
    grid.disconnected(1, 0).await;
    assert!(began.elapsed() < Duration::from_millis(10), "noticed at once: {:?}", began.elapsed());

    // For ever, while the others are not affected.
    tokio::time::sleep(Duration::from_secs(600)).await;
    for (from, to) in [(0, 1), (1, 0)] {
        let error = probe(&grid, from, to).number().await.unwrap_err();
        assert!(matches!(error, CallError::Disconnected { sent: Sent::No, .. }), "{error:?}");
    }
    for (from, to) in [(0, 2), (2, 0), (1, 2), (2, 1)] {
        assert_eq!(probe(&grid, from, to).number().await, Ok(to as u64));
    }
    let states = [(0, 1), (1, 0)].map(|(from, to)| grid.connection(from, to).state().to_string());
    assert!(states.iter().any(|state| state.contains("the test has cut it")), "{states:?}");

    let began = Instant::now();
    grid.heal(0, 1);
    grid.all_connected().await;
    assert!(began.elapsed() <= Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(probe(&grid, 0, 1).number().await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn a_cut_that_is_healed_at_once_has_ended_the_connection() {
    let grid = probes(2).start();
    grid.all_connected().await;
    grid.cut(0, 1);
    grid.heal(0, 1);
    grid.disconnected(0, 1).await;
    grid.all_connected().await;
    assert_eq!(grid.connection(0, 1).stats().connects, 2);

    grid.reset(1, 0);
    grid.disconnected(0, 1).await;
    grid.all_connected().await;
    assert_eq!(grid.connection(0, 1).stats().connects, 3);
}

#[tokio::test(start_paused = true)]
async fn a_partition_leaves_both_sides_connected() {
    let grid = probes(5).start();
    grid.all_connected().await;
    grid.partition([0, 3]);
    let reaches = async |from: usize, to: usize| {
        let state = if [0, 3].contains(&from) == [0, 3].contains(&to) { Ok(()) } else { Err(()) };
        if state.is_err() {
            grid.disconnected(from, to).await;
        }
        let called = probe(&grid, from, to).number().await.map(drop).map_err(drop);
        assert_eq!(called, state, "{from} -> {to}");
    };
    for (from, to) in (0..5).flat_map(|from| (0..5).map(move |to| (from, to))) {
        reaches(from, to).await;
    }
    grid.heal_all();
    grid.all_connected().await;

    grid.isolate(4);
    grid.disconnected(4, 0).await;
    assert!(probe(&grid, 4, 3).number().await.is_err());
    assert_eq!(probe(&grid, 4, 4).number().await, Ok(4), "to itself");
    assert_eq!(probe(&grid, 0, 3).number().await, Ok(3));
}

#[tokio::test(start_paused = true)]
async fn a_delay_is_in_each_direction_and_not_for_each_call() {
    let grid = probes(3).start();
    grid.all_connected().await;
    grid.delay(1, 0, Duration::from_millis(150));
    let took = async |from, to| {
        let began = Instant::now();
        probe(&grid, from, to).number().await.unwrap();
        began.elapsed().as_millis()
    };
    assert_eq!(took(0, 1).await, 300);
    assert_eq!(took(1, 0).await, 300);
    assert_eq!(took(0, 2).await, 0);

    let began = Instant::now();
    let calls: Vec<_> = (0..1000).map(|_| tokio::spawn(probe(&grid, 0, 1).number())).collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(began.elapsed().as_millis(), 300, "all at once");

    // Large messages fill the way: it is as long as before, and not slower.
    let large = "x".repeat(1 << 20);
    let began = Instant::now();
    assert_eq!(probe(&grid, 0, 1).echo(large.clone()).await.unwrap(), large);
    assert_eq!(began.elapsed().as_millis(), 300);

    grid.heal(0, 1);
    assert_eq!(took(0, 1).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_opened_in_round_trips() {
    let grid = probes(2).start();
    grid.delay(0, 1, Duration::from_millis(100));
    let began = Instant::now();
    grid.all_connected().await;
    // Three round trips: the byte stream, the upgrade, the handshake; the listener needs half of the last one.
    let took = began.elapsed().as_millis();
    assert!((600..700).contains(&took), "{took} ms");
}

/// The times of calls one after the other, in milliseconds.
async fn times(seed: u64, loss: f64) -> Vec<u128> {
    let grid = probes(2).seed(seed).start();
    grid.all_connected().await;
    grid.loss(0, 1, loss);
    let probe = probe(&grid, 0, 1);
    let mut times = Vec::new();
    for _ in 0..100 {
        let began = Instant::now();
        probe.number().await.unwrap();
        times.push(began.elapsed().as_millis());
    }
    times
}

#[tokio::test(start_paused = true)]
async fn a_loss_is_a_stall_which_the_seed_decides() {
    let first = times(1, 0.1).await;
    let stalled = first.iter().filter(|time| **time >= 200).count();
    assert!((5..50).contains(&stalled), "one of both directions, for a fifth: {first:?}");
    assert!(first.iter().all(|time| time % 200 == 0), "{first:?}");
    assert_eq!(times(1, 0.1).await, first);
    assert_ne!(times(2, 0.1).await, first);
    assert_eq!(times(1, 0.0).await, vec![0; 100]);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_missing_after_losses() {
    let grid = probes(2).start();
    grid.loss(0, 1, 0.2);
    grid.all_connected().await;
    let mut items = probe(&grid, 0, 1).count(5_000).await.unwrap();
    for expected in 0..5_000 {
        assert_eq!(items.next().await.unwrap().unwrap(), expected);
    }
    assert!(items.next().await.is_none());
    let large = "x".repeat(1 << 20);
    assert_eq!(probe(&grid, 1, 0).echo(large.clone()).await.unwrap(), large);
}

#[tokio::test(start_paused = true)]
async fn a_short_freeze_only_delays_and_a_long_one_is_noticed_by_silence() {
    let grid = probes(2).start();
    grid.all_connected().await;
    grid.freeze(0, 1);
    let call = tokio::spawn(probe(&grid, 0, 1).number());
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(!call.is_finished() && grid.connection(0, 1).state().is_connected());
    grid.heal(0, 1);
    assert_eq!(call.await.unwrap(), Ok(1));
    assert_eq!(grid.connection(0, 1).stats().connects, 1, "the connection was kept");

    let began = Instant::now();
    grid.freeze(0, 1);
    grid.disconnected(0, 1).await;
    let limit = 3 * Config::default().ping_interval;
    assert!(began.elapsed() <= limit, "after {:?}", began.elapsed());
    // Nor can it be dialed.
    let dialer = if grid::dials(grid.name(0), grid.name(1)) { 0 } else { 1 };
    tokio::time::sleep(Duration::from_secs(60)).await;
    let state = grid.connection(dialer, 1 - dialer).state();
    assert!(
        matches!(&state, State::Error(reason) if matches!(**reason, LinkError::TimedOut { .. })),
        "{state:?}"
    );
    grid.heal_all();
    grid.all_connected().await;
}

#[tokio::test(start_paused = true)]
async fn a_freeze_in_one_direction_is_noticed_at_both_ends() {
    let grid = probes(2).start();
    grid.all_connected().await;
    grid.freeze_one_way(0, 1);
    // The request arrives, and its answer as well, but not the other way round.
    let deadline = Duration::from_secs(1);
    for (from, to) in [(0, 1), (1, 0)] {
        let error = probe(&grid, from, to).number().timeout(deadline).await.unwrap_err();
        assert!(matches!(error, CallError::DeadlineExceeded { .. }), "{error:?}");
    }
    // One end hears nothing. It says so, but the other one does not hear that it is gone until its own side is closed.
    grid.disconnected(1, 0).await;
    grid.heal_all();
    grid.all_connected().await;
    assert_eq!(grid.network().connections(grid.name(0), grid.name(1)), 1);
    assert_eq!(probe(&grid, 0, 1).number().await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_forgotten_is_replaced() {
    let grid = probes(2).start();
    grid.all_connected().await;
    grid.freeze_open(0, 1);
    // The deadline passes, because the call is sent over the old one.
    let call = probe(&grid, 0, 1).number().timeout(Duration::from_secs(5));
    assert!(matches!(call.await, Err(CallError::DeadlineExceeded { .. })));
    // Two intervals of pings, and one attempt to connect.
    tokio::time::sleep(Duration::from_secs(30)).await;
    // Without the end of the fault.
    grid.all_connected().await;
    assert_eq!(probe(&grid, 0, 1).number().await, Ok(1));
    assert_eq!(grid.connection(0, 1).stats().connects, 2);
}

#[tokio::test(start_paused = true)]
async fn a_bandwidth_makes_calls_slow_and_no_link_silent() {
    let grid = probes(2).start();
    grid.all_connected().await;
    grid.bandwidth(0, 1, 1_000);
    let began = Instant::now();
    for _ in 0..100 {
        assert_eq!(probe(&grid, 0, 1).number().await, Ok(1));
    }
    assert!(began.elapsed() > Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(grid.connection(0, 1).stats().connects, 1);
}

#[tokio::test(start_paused = true)]
async fn a_skewed_clock_is_refused_until_it_is_right() {
    for skew in [Skew::Ahead(Duration::from_secs(3600)), Skew::Behind(Duration::from_secs(3600))] {
        for skewed in [0, 1] {
            let grid = probes(2).start();
            grid.skew(skewed, skew);
            tokio::time::sleep(Duration::from_secs(5)).await;
            let dialer = if grid::dials(grid.name(0), grid.name(1)) { 0 } else { 1 };
            let state = grid.connection(dialer, 1 - dialer).state();
            let text = state.to_string();
            let is_skew = text.contains("time difference too large between servers");
            assert!(is_skew && text.contains("clock_skew_max"), "{text}");
            // The dialer's clock is the one that the text compares with the listener's.
            let is_ahead = matches!(skew, Skew::Ahead(_)) == (skewed == dialer);
            assert!(text.contains(if is_ahead { "ahead" } else { "behind" }), "{text}");

            grid.skew(skewed, Skew::None);
            grid.all_connected().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_skewed_clock_makes_tokens_that_are_out_of_date() {
    let grid = TestGrid::builder(2)
        .configure(|node, builder| {
            let server = ProbeServer::new(Numbered(node as u64));
            builder.service(server).token(SharedSecret::new("correct horse"))
        })
        .start();
    grid.all_connected().await;
    let dialer = if grid::dials(grid.name(0), grid.name(1)) { 0 } else { 1 };
    // Open connections are not affected.
    grid.skew(dialer, Skew::Behind(Duration::from_secs(3600)));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(grid.connection(0, 1).state().is_connected());

    grid.reset(0, 1);
    grid.disconnected(0, 1).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let text = grid.connection(dialer, 1 - dialer).state().to_string();
    assert!(text.contains("the token is out of date, or a clock is wrong"), "{text}");

    // It keeps its clock.
    grid.restart(dialer).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!grid.connection(0, 1).state().is_connected());
    grid.skew(dialer, Skew::Behind(Duration::from_secs(60)));
    grid.all_connected().await;
}

#[tokio::test(start_paused = true)]
async fn bad_faults_panic_with_the_reason() {
    let grid = probes(2).start();
    let text = crate::panic_of(async { grid.loss(0, 1, 1.0) }).await;
    assert!(
        text.starts_with("a loss of 1 between http://node1:9000 and http://node2:9000"),
        "{text}"
    );
    let text = crate::panic_of(async { grid.cut(1, 1) }).await;
    assert_eq!(text, "there is no network between http://node2:9000 and itself");
    let text = crate::panic_of(async { grid.cut(0, 2) }).await;
    assert_eq!(text, "there is no node 2: the nodes of this grid are 0 to 1");
}
