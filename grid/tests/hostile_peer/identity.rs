//! Several connections under one name: the later one of a process wins, and two processes do not take turns.

use std::time::Duration;

use grid::{LinkError, Manager, State};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tracing::Level;

use crate::listener::listening;
use crate::log::Lines;
use crate::script::{Connect, Scripted};
use crate::support::{A, B, sides};

#[tokio::test(start_paused = true)]
async fn a_stale_dial_does_not_replace_the_later_one() {
    let (dialer, listener) = sides();
    let manager = Manager::builder(listener).hosts([A, B]).token(grid::NoAuth).build().unwrap();
    let connection = manager.connection(dialer).unwrap();
    let connect = |dial| Connect::new(dialer, listener, 1, dial);
    let (mut stale, mut live) = (Scripted::dial(&manager).await, Scripted::dial(&manager).await);
    live.connect(&connect(2)).await.unwrap();
    connection.wait_connected(Duration::from_secs(1)).await.unwrap();
    let refused = stale.connect(&connect(1)).await.unwrap_err();
    assert!(refused.contains("dial 1 was read after dial 2"), "{refused}");
    let frame = stale.closed().await.expect("a reason");
    assert_eq!(u16::from(frame.code), 1008);
    assert!(frame.reason.contains("dial 1 was read after dial 2"), "{}", frame.reason);
    assert!(connection.state().is_connected());
    assert_eq!(connection.stats().connects, 1);

    let mut later = Scripted::dial(&manager).await;
    later.connect(&connect(3)).await.unwrap();
    let frame = live.closed().await.expect("a reason");
    assert_eq!(u16::from(frame.code), 1001);
    assert!(frame.reason.contains("the peer has opened a new connection"), "{}", frame.reason);
    sleep(Duration::from_millis(10)).await;
    assert_eq!(connection.stats().connects, 2);
    assert!(connection.state().is_connected());
}

#[tokio::test(start_paused = true)]
async fn a_peer_of_the_base_protocol_replaces_its_connection_as_before() {
    let (dialer, listener) = sides();
    let manager = Manager::builder(listener).hosts([A, B]).token(grid::NoAuth).build().unwrap();
    let mut sockets = Vec::new();
    for run in [1, 1, 2, 1, 2] {
        let connect = Connect { run, host: dialer, peer: None, dial: None, ahead: 0 };
        let mut socket = Scripted::dial(&manager).await;
        socket.connect(&connect).await.unwrap();
        sleep(Duration::from_millis(10)).await;
        sockets.push(socket);
    }
    assert_eq!(manager.connection(dialer).unwrap().stats().connects, 5);
}

#[tokio::test(start_paused = true)]
async fn two_processes_with_one_name_do_not_take_turns() {
    let (lines, _guard) = Lines::collect();
    let (manager, route, dialer) = listening();
    let process = |host| {
        let route = route.from(host);
        Manager::builder(dialer).hosts([A, B]).token(grid::NoAuth).dial_with(route).build().unwrap()
    };
    let connection = manager.connection(dialer).unwrap();
    let first = process([10, 0, 0, 1]);
    let from_first = first.connection(manager.name()).unwrap();
    from_first.wait_connected(Duration::from_secs(1)).await.unwrap();
    let second = process([10, 0, 0, 2]);
    let from_second = second.connection(manager.name()).unwrap();
    from_second.wait_connected(Duration::from_secs(1)).await.unwrap();
    let mut states = from_first.states();
    let mut attempts = 0;
    let minutes = tokio::time::timeout(Duration::from_secs(300), async {
        while let Some(state) = states.next().await {
            attempts += u32::from(matches!(state, State::Connecting | State::Error(_)));
        }
    });
    minutes.await.unwrap_err();
    assert_eq!(connection.stats().connects, 2, "the second process stays");
    assert!(from_second.state().is_connected());
    let State::Error(reason) = from_first.state() else { panic!("{}", from_first.state()) };
    let LinkError::NameTaken { detail, .. } = &*reason else { panic!("{reason}") };
    assert!(detail.contains("10.0.0.1") && detail.contains("10.0.0.2"), "{detail}");
    let warned = lines.with(Level::WARN, "is connected as instance");
    let at_listener: Vec<_> =
        warned.iter().filter(|line| line.contains("refused the peer")).collect();
    assert!((1..=5).contains(&at_listener.len()), "{warned:#?}");
    assert!(at_listener[0].contains("10.0.0.1") && at_listener[0].contains("10.0.0.2"));
    assert!(lines.with(Level::INFO, "link is").len() < 10);

    // The name is free again.
    drop(second);
    let start = Instant::now();
    from_first.wait_connected(Duration::from_secs(130)).await.unwrap();
    assert!(start.elapsed() <= Duration::from_secs(60), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_impostor_that_logs_in_again_and_again_does_not_evict_a_node_each_time() {
    let (manager, route, dialer) = listening();
    let victim = Manager::builder(dialer)
        .hosts([A, B])
        .token(grid::NoAuth)
        .dial_with(route.clone())
        .build()
        .unwrap();
    let from_victim = victim.connection(manager.name()).unwrap();
    from_victim.wait_connected(Duration::from_secs(1)).await.unwrap();
    let listener = manager.name().to_owned();
    let impostor: JoinHandle<()> = tokio::spawn(async move {
        for run in 0.. {
            let mut socket = Scripted::upgrade(route.open()).await;
            // It may be refused.
            let _ = socket.connect(&Connect::new(dialer, &listener, run, 1)).await;
            sleep(Duration::from_millis(200)).await;
        }
    });
    sleep(Duration::from_secs(10)).await;
    let connects = manager.connection(dialer).unwrap().stats().connects;
    assert!(connects <= 25, "{connects} connections in 10 s");
    sleep(Duration::from_secs(60)).await;
    let later = manager.connection(dialer).unwrap().stats().connects - connects;
    assert!(later <= 10, "{later} connections in the next minute");
    impostor.abort();
    from_victim.wait_connected(Duration::from_secs(61)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_connects_all_the_time_does_not_fill_the_log() {
    let (lines, _guard) = Lines::collect();
    let (manager, route, dialer) = listening();
    let mut sockets = Vec::new();
    for dial in 1..=1000 {
        let mut socket = Scripted::upgrade(route.open()).await;
        socket.connect(&Connect::new(dialer, manager.name(), 1, dial)).await.unwrap();
        sockets.push(socket);
        sockets.drain(..sockets.len().saturating_sub(2));
    }
    sleep(Duration::from_secs(1)).await;
    assert!(manager.connection(dialer).unwrap().stats().connects > 500);
    let lines = lines.with(Level::INFO, "link is");
    assert!(lines.len() <= 6, "{lines:#?}");
}
