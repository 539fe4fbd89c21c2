//! The host list of a running node changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::{A, B, Network, pair};
use futures_util::StreamExt as _;
use grid::{
    BuildError, Builder, CallError, Connection, LinkError, Manager, MemberError, MemberEvent, Sent,
    State,
};
use tokio::time::{Instant, sleep};

const C: &str = "http://c:1";
const ECHO: u8 = 1;
const SLEEP: u8 = 2;
const SECOND: Duration = Duration::from_secs(1);

fn handlers(builder: Builder) -> Builder {
    builder.single_handler(ECHO, None, |_cx, payload| async move { Ok(payload) }).single_handler(
        SLEEP,
        None,
        |_cx, payload| async move {
            sleep(3 * SECOND).await;
            Ok(payload)
        },
    )
}

fn started(network: &Network, name: &str, hosts: &[&str]) -> Manager {
    let manager = handlers(network.node(name, hosts)).build().unwrap();
    network.attach(&manager);
    manager
}

async fn connected(manager: &Manager, peer: &str, within: Duration) -> Connection {
    let connection = manager.connection(peer).unwrap();
    connection.wait_connected(within).await.unwrap();
    connection
}

fn is_removed(error: &CallError, wanted: Sent) {
    let CallError::Disconnected { reason, sent, .. } = error else { panic!("{error}") };
    assert!(matches!(&**reason, LinkError::Removed { .. }), "{error}");
    assert_eq!(*sent, wanted, "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_added_node_connects_within_two_seconds_whichever_side_adds_last() {
    for (first, second) in [(A, B), (B, A)] {
        let network = Network::default();
        let one = started(&network, first, &[first]);
        let other = started(&network, second, &[second]);
        assert_eq!(one.members().add(second), Ok(true));
        assert_eq!(one.members().add(second), Ok(false), "it is there already");
        sleep(100 * SECOND).await;
        assert!(!one.connection(second).unwrap().state().is_connected());
        let unknown = other.connection(first).unwrap_err();
        assert!(unknown.to_string().contains("not in the host list"), "{unknown}");

        other.members().add(first).unwrap();
        let connection = connected(&one, second, 2 * SECOND).await;
        connected(&other, first, SECOND).await;
        connection.request(ECHO, None).await.unwrap();
        assert_eq!(one.members().list(), [A, B]);
        assert_eq!(one.hosts().count(), 2);
        assert_eq!((one.connections().count(), one.stats().connections.len()), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn running_calls_of_a_removed_node_finish_and_new_ones_fail() {
    for caller_removes in [true, false] {
        let (_network, a, b) = pair(handlers).await;
        let connection = a.connection(B).unwrap();
        let slow = tokio::spawn(connection.request(SLEEP, Some("done".into())));
        sleep(SECOND / 10).await;
        let (remover, peer) = if caller_removes { (&a, B) } else { (&b, A) };
        let mut events = remover.members().events();
        let old = remover.connection(peer).unwrap();
        let removal = tokio::spawn({
            let members = remover.members();
            async move { members.remove(peer, 30 * SECOND).await }
        });
        tokio::task::yield_now().await;
        assert_eq!(remover.members().list().len(), 1);
        assert!(matches!(old.state(), State::Draining { .. }), "{}", old.state());
        remover.connection(peer).unwrap_err();
        is_removed(&old.request(ECHO, None).await.unwrap_err(), Sent::No);
        is_removed(&old.request(ECHO, None).wait_connected().await.unwrap_err(), Sent::No);
        if !caller_removes {
            let refused = connection.request(ECHO, None).await.unwrap_err();
            assert!(refused.is_retryable(), "{refused}");
        }
        assert_eq!(slow.await.unwrap().unwrap(), Some("done".into()));
        removal.await.unwrap().unwrap();
        assert_eq!(old.state(), State::Removed);
        assert!(old.wait_connected(SECOND).await.unwrap_err().to_string().contains("removed"));
        is_removed(&old.request(ECHO, None).await.unwrap_err(), Sent::No);
        assert!(
            matches!(events.next().await, Some(MemberEvent::Draining { host, .. }) if &*host == peer)
        );
        let Some(MemberEvent::Down { reason, .. }) = events.next().await else { panic!() };
        assert!(matches!(&*reason, LinkError::Removed { .. }), "{reason}");
        assert!(matches!(events.next().await, Some(MemberEvent::Removed { .. })));
        // The other node reads why.
        sleep(SECOND / 100).await;
        let (other, own) = if caller_removes { (&b, A) } else { (&a, B) };
        let state = other.connection(own).unwrap().state().to_string();
        assert!(
            state.contains("removed from the host list") || state.contains("unknown incoming host"),
            "{state}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn calls_that_run_after_the_grace_fail_with_the_reason() {
    let (_network, a, _b) = pair(handlers).await;
    let connection = a.connection(B).unwrap();
    let slow = tokio::spawn(connection.request(SLEEP, None));
    sleep(SECOND / 10).await;
    let start = Instant::now();
    a.members().remove(B, SECOND).await.unwrap();
    assert!(start.elapsed() < 2 * SECOND);
    is_removed(&slow.await.unwrap().unwrap_err(), Sent::Maybe);
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_for_a_connection_fail_when_their_node_is_removed() {
    let network = Network::default();
    let a = started(&network, A, &[A, B]);
    let connection = a.connection(B).unwrap();
    let waiting = tokio::spawn(connection.request(ECHO, None).wait_connected());
    let mut states = connection.states();
    sleep(SECOND).await;
    a.members().remove(B, 30 * SECOND).await.unwrap();
    is_removed(&waiting.await.unwrap().unwrap_err(), Sent::No);
    while let Some(state) = states.next().await {
        assert!(matches!(&state, State::Removed | State::Connecting | State::Error(_)), "{state}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_added_again_has_a_new_link() {
    let (_network, a, b) = pair(handlers).await;
    let old = a.connection(B).unwrap();
    let slow = tokio::spawn(old.request(SLEEP, None));
    sleep(SECOND / 10).await;
    let removal = tokio::spawn({
        let members = a.members();
        async move { members.remove(B, 30 * SECOND).await }
    });
    tokio::task::yield_now().await;
    a.members().add(B).unwrap();
    let new = a.connection(B).unwrap();
    let early = tokio::spawn(new.request(ECHO, None).timeout(SECOND).wait_connected());
    slow.await.unwrap().unwrap();
    removal.await.unwrap().unwrap();
    let early = early.await.unwrap().unwrap_err();
    assert!(matches!(early, CallError::Disconnected { sent: Sent::No, .. }), "{early}");
    new.wait_connected(2 * SECOND).await.unwrap();
    new.request(ECHO, None).await.unwrap();
    is_removed(&old.request(ECHO, None).await.unwrap_err(), Sent::No);
    connected(&b, A, SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn bad_names_are_refused_and_change_nothing() {
    let network = Network::default();
    let a = started(&network, A, &[A, B]);
    let members = a.members();
    let invalid = |result: Result<_, MemberError>| match result {
        Err(MemberError::Invalid(error)) => error,
        other => panic!("{other:?}"),
    };
    let bad = invalid(members.add("b:1").map(|_| ()));
    assert!(matches!(bad, BuildError::BadName(_)), "{bad}");
    let same = invalid(members.add("http://B:1").map(|_| ()));
    assert!(matches!(same, BuildError::SameHost { .. }), "{same}");
    let twice = invalid(members.replace([A, C, C], SECOND).map(|_| ()));
    assert!(matches!(twice, BuildError::HostTwice { .. }), "{twice}");
    let unknown = members.remove("http://bb:1", SECOND).await.unwrap_err();
    assert!(
        matches!(&unknown, MemberError::NotListed { nearest: Some(_), .. })
            || unknown.to_string().contains("http://bb:1")
    );
    let own = members.remove(A, SECOND).await.unwrap_err();
    assert!(matches!(own, MemberError::Own { .. }), "{own}");
    assert_eq!(members.list(), [A, B]);
    a.shutdown(SECOND).await;
    assert!(matches!(members.add(C), Err(MemberError::ShutDown { .. })));
}

#[tokio::test(start_paused = true)]
async fn events_tell_what_happens_and_end_with_the_node() {
    let network = Network::default();
    let a = started(&network, A, &[A]);
    let mut events = a.members().events();
    let b = started(&network, B, &[A, B]);
    let changes = a.members().replace([B], SECOND).unwrap();
    assert_eq!((changes.added, changes.removed), (vec![B.to_owned()], vec![]));
    assert!(a.members().replace([A, B], SECOND).unwrap().is_empty());
    assert!(matches!(events.next().await, Some(MemberEvent::Added { host, .. }) if &*host == B));
    let Some(MemberEvent::Up { host, instance, .. }) = events.next().await else { panic!() };
    assert_eq!(&*host, B);
    assert_eq!(a.connection(B).unwrap().state(), State::Connected { instance });
    b.shutdown(SECOND).await;
    let down = events
        .by_ref()
        .filter(|event| std::future::ready(matches!(event, MemberEvent::Down { .. })))
        .next()
        .await;
    assert!(down.is_some());
    a.shutdown(SECOND).await;
    while events.next().await.is_some() {}
}

/// A subscriber, which is the user's code, runs this at each line.
struct AtEachLine<F>(F);

impl<F: Fn() + Send + Sync + 'static> tracing::Subscriber for AtEachLine<F> {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        self.0();
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

/// The thread that adds a node is held up in a line of its log, and another one removes the node.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_is_added_before_it_is_removed_also_if_two_threads_do_that() {
    let manager = started(&Network::default(), A, &[A]);
    let members = manager.members();
    let mut events = members.events();
    let (reached, wait) = std::sync::mpsc::channel();
    let (go_on, held) = std::sync::mpsc::channel::<()>();
    let (adding, held) = (manager.members(), std::sync::Mutex::new(held));
    let adder = std::thread::spawn(move || {
        let hold = move || {
            let _ = reached.send(());
            let _ = held.lock().unwrap().recv();
        };
        tracing::subscriber::with_default(AtEachLine(hold), || adding.add(B))
    });
    tokio::task::spawn_blocking(move || wait.recv()).await.unwrap().unwrap();
    members.remove(B, Duration::ZERO).await.unwrap();
    drop(go_on);
    assert_eq!(tokio::task::spawn_blocking(|| adder.join()).await.unwrap().unwrap(), Ok(true));
    let added = events.next().await;
    assert!(matches!(added, Some(MemberEvent::Added { .. })), "{added:?}");
    let removed = events.next().await;
    assert!(matches!(removed, Some(MemberEvent::Removed { .. })), "{removed:?}");
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_that_panics_does_not_keep_members_from_their_links() {
    let network = Network::default();
    let (one, other) = (started(&network, A, &[A]), started(&network, B, &[B]));
    let panics = || AtEachLine(|| panic!("the disk is full"));
    for (manager, peer) in [(&one, B), (&other, A)] {
        let add = || tracing::subscriber::with_default(panics(), || manager.members().add(peer));
        assert_eq!(add(), Ok(true), "its panic does not reach the caller");
    }
    connected(&one, B, 3 * SECOND).await;
    assert_eq!(one.members().add(C), Ok(true), "further changes take effect");
    other.members().remove(A, Duration::ZERO).await.unwrap();
}

/// Calls all other nodes of a list in a loop.
struct Load {
    stop: Arc<AtomicBool>,
    calls: Arc<AtomicUsize>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    fn new() -> Self {
        Self { stop: Arc::default(), calls: Arc::default(), tasks: Vec::new() }
    }

    /// No call to this peer may fail.
    fn add(&mut self, from: &Manager, to: &str) {
        let connection = from.connection(to).unwrap();
        let (stop, calls) = (Arc::clone(&self.stop), Arc::clone(&self.calls));
        self.tasks.push(tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                connection.request(ECHO, Some("x".into())).await.unwrap();
                calls.fetch_add(1, Ordering::Relaxed);
                sleep(Duration::from_millis(10)).await;
            }
        }));
    }

    async fn end(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.unwrap();
        }
        self.calls.load(Ordering::Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn three_nodes_become_five_and_three_again_without_a_failed_call_between_those_that_stay() {
    let network = Network::default();
    let names = ["http://n1:1", "http://n2:1", "http://n3:1", "http://n4:1", "http://n5:1"];
    let three: Vec<_> =
        names[..3].iter().map(|name| started(&network, name, &names[..3])).collect();
    for node in &three {
        for other in names[..3].iter().filter(|name| **name != node.name()) {
            connected(node, other, 5 * SECOND).await;
        }
    }
    let mut load = Load::new();
    for node in &three {
        for other in names[..3].iter().filter(|name| **name != node.name()) {
            load.add(node, other);
        }
    }
    for _ in 0..3 {
        let new: Vec<_> = names[3..].iter().map(|name| started(&network, name, &names)).collect();
        for node in &three {
            sleep(SECOND).await;
            node.members().replace(names, 5 * SECOND).unwrap();
        }
        for node in &three {
            for other in names.iter().filter(|name| **name != node.name()) {
                connected(node, other, 2 * SECOND).await.request(ECHO, None).await.unwrap();
            }
        }
        for node in &three {
            sleep(SECOND).await;
            let changes = node.members().replace(names[..3].iter().copied(), 5 * SECOND).unwrap();
            assert_eq!(changes.removed.len(), 2);
        }
        for node in &new {
            network.detach(node.name());
            node.shutdown(SECOND).await;
        }
    }
    let calls = load.end().await;
    assert!(calls > 1_000, "{calls}");
}
