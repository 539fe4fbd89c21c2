//! What two nodes log while something keeps them apart, or does not: who reads the log must find the cause, at either
//! end, and the log must not fill.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

#[path = "support/listener.rs"]
mod listener;
#[path = "support/log.rs"]
mod log;
mod support;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use grid::{Builder, CallError, Config, Dial, Dialing, Io, LinkError, Manager, Sent, SharedSecret};
use listener::{Route, ScriptedListener, scripted_listener};
use log::Lines;
use support::{A, B, sides};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::sleep;
use tracing::Level;
use tracing::subscriber::DefaultGuard;

const TEN_MINUTES: Duration = Duration::from_secs(600);

/// The lines of both ends.
struct Watched {
    lines: Lines,
    _guard: DefaultGuard,
}

impl Watched {
    fn new() -> Self {
        let (lines, guard) = Lines::collect();
        Self { lines, _guard: guard }
    }

    /// The lines of a node at `info` and above, without the one that it accepts connections.
    fn of(&self, node: &str) -> Vec<String> {
        let mut lines = self.lines.with(Level::INFO, &format!("local={node}"));
        // Spans have no message.
        lines.retain(|line| line.contains("message=") && !line.contains("accepting connections"));
        lines
    }

    fn both(&self) -> (Vec<String>, Vec<String>) {
        let (dialer, listener) = sides();
        let both = (self.of(dialer), self.of(listener));
        println!("at the dialer:\n{:#?}\nat the listener:\n{:#?}", both.0, both.1);
        both
    }
}

fn node(name: &str) -> Builder {
    Manager::builder(name).hosts([A, B]).token(grid::NoAuth)
}

/// A listening node, and how to reach it.
fn listening(configure: impl FnOnce(Builder) -> Builder) -> (Manager, Route) {
    let (_, listener) = sides();
    let (incoming, route): (ScriptedListener, _) = scripted_listener();
    let manager = configure(node(listener)).build().unwrap();
    tokio::spawn(manager.serve(incoming));
    (manager, route)
}

/// Runs a dialer beside a listener for ten minutes. Returns the lines of both.
async fn ten_minutes(
    at_dialer: impl FnOnce(Builder) -> Builder,
    at_listener: impl FnOnce(Builder) -> Builder,
) -> (Vec<String>, Vec<String>) {
    let watched = Watched::new();
    let (_listener, route) = listening(at_listener);
    let _dialer = at_dialer(node(sides().0).dial_with(route)).build().unwrap();
    sleep(TEN_MINUTES).await;
    watched.both()
}

fn unchanged(builder: Builder) -> Builder {
    builder
}

/// One line for the first failure, and one a minute with the number of further ones.
#[track_caller]
fn assert_counted(lines: &[String], first: &str, repeated: &str, reason: &str) {
    assert!(lines[0].contains(first), "{lines:#?}");
    assert!((9..=11).contains(&lines.len()), "{}: {lines:#?}", lines.len());
    for line in &lines[1..] {
        assert!(line.contains(repeated), "{line}");
    }
    for line in lines {
        assert!(line.contains(reason), "{line}");
    }
}

/// Fails as a port does on which nobody listens, until it is told to connect.
struct Port {
    route: Route,
    is_right: Arc<AtomicBool>,
}

impl Dial for Port {
    fn dial<'a>(&'a self, name: &'a str) -> Dialing<'a> {
        if self.is_right.load(Ordering::Relaxed) {
            return self.route.dial(name);
        }
        Box::pin(async { Err(io::Error::new(io::ErrorKind::ConnectionRefused, "refused").into()) })
    }
}

#[tokio::test(start_paused = true)]
async fn wrong_port() {
    let watched = Watched::new();
    let (listener, route) = listening(unchanged);
    let is_right = Arc::new(AtomicBool::new(false));
    let port = Port { route, is_right: Arc::clone(&is_right) };
    let _dialer = node(sides().0).dial_with(port).build().unwrap();
    sleep(TEN_MINUTES).await;
    let (at_dialer, at_listener) = watched.both();
    let reason = format!("peer={} reason=cannot connect: refused", listener.name());
    assert_counted(
        &at_dialer,
        "cannot reach the peer",
        "more attempts failed: same reason",
        &reason,
    );
    assert_eq!(at_listener.len(), 1, "{at_listener:#?}");
    let expected =
        format!("the peer has not dialed this node local={} peer={}", sides().1, sides().0);
    assert!(at_listener[0].contains(&expected), "{at_listener:#?}");

    is_right.store(true, Ordering::Relaxed);
    sleep(Duration::from_secs(60)).await;
    let (at_dialer, at_listener) = watched.both();
    let last = at_dialer.last().unwrap();
    assert!(last.contains("link is up") && last.contains("failed_attempts="), "{last}");
    let last = at_listener.last().unwrap();
    assert!(last.contains("link is up") && last.contains(sides().0), "{last}");
}

#[tokio::test(start_paused = true)]
async fn wrong_token() {
    let (at_dialer, at_listener) = ten_minutes(
        |dialer| dialer.token(SharedSecret::new("left")),
        |listener| listener.token(SharedSecret::new("right")),
    )
    .await;
    let reason = "403 Forbidden instead of a WebSocket: auth token: invalid token";
    assert_counted(&at_dialer, "cannot reach the peer", "more attempts failed", reason);
    assert_counted(
        &at_listener[..],
        "refused a connection",
        "more connections: same reason",
        reason,
    );
    // The upgrade request states no name, but only one node is missing.
    let dialer = format!("may_be=\"{}\"", sides().0);
    assert!(at_listener.iter().all(|line| line.contains(&dialer)), "{at_listener:#?}");
}

#[tokio::test(start_paused = true)]
async fn wrong_clock() {
    let tiny = Config::default().clock_skew_max(Duration::from_nanos(1));
    let (at_dialer, at_listener) = ten_minutes(unchanged, |listener| listener.config(tiny)).await;
    let (dialer, listener) = sides();
    for (lines, peer, first, repeated) in [
        (at_dialer, listener, "cannot reach the peer", "more attempts failed"),
        (at_listener, dialer, "refused the peer", "more times: same reason"),
    ] {
        assert_counted(&lines, first, repeated, "time difference too large between servers");
        for part in [peer, "the dialer's clock (", "the listener's (", "`Config::clock_skew_max`"] {
            assert!(lines[0].contains(part), "{part}: {lines:#?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn not_in_the_list() {
    let (dialer, listener) = sides();
    // A name that does not matter otherwise: it is expected to dial the listener.
    let mut similar = (0..100).map(|n| format!("{dialer}{n}"));
    let almost = similar.find(|name| grid::dials(name, listener)).unwrap();
    let hosts = [listener.to_owned(), almost.clone()];
    let (at_dialer, at_listener) = ten_minutes(unchanged, |builder| builder.hosts(hosts)).await;
    let reason = format!("unknown incoming host: {dialer} is not in the host list");
    assert_counted(&at_dialer, "cannot reach the peer", "more attempts failed", &reason);
    let (overdue, refused): (Vec<_>, Vec<_>) =
        at_listener.into_iter().partition(|line| line.contains("has not dialed"));
    assert!(overdue.len() <= 1, "{overdue:#?}");
    assert_counted(&refused, "refused a connection", "more connections", &reason);
    assert!(refused[0].contains(&format!("did you mean {almost}?")), "{refused:#?}");
    // The names of other nodes are not for strangers.
    assert!(at_dialer.iter().all(|line| !line.contains(&almost)), "{at_dialer:#?}");
}

/// Begins with TLS.
struct Tls(Route);

impl Dial for Tls {
    fn dial<'a>(&'a self, _: &'a str) -> Dialing<'a> {
        Box::pin(async move {
            let mut stream = self.0.open();
            stream.write_all(b"\x16\x03\x01\x02\x00").await?;
            stream.read_u8().await.map_err(LinkError::tls)?;
            Ok(Box::new(stream) as Box<dyn Io>)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn tls_at_the_dialer_only() {
    let watched = Watched::new();
    let (_listener, route) = listening(unchanged);
    let _dialer = node(sides().0).dial_with(Tls(route)).build().unwrap();
    sleep(TEN_MINUTES).await;
    let (at_dialer, at_listener) = watched.both();
    assert_counted(&at_dialer, "cannot reach the peer", "more attempts failed", "no TLS");
    let reason = "the dialer begins with TLS, and this listener does not";
    assert_counted(&at_listener, "refused a connection", "more connections", reason);
}

/// Answers as a TLS listener does.
struct TlsListener;

impl Dial for TlsListener {
    fn dial<'a>(&'a self, _: &'a str) -> Dialing<'a> {
        let (near, mut far) = tokio::io::duplex(4096);
        tokio::spawn(async move {
            far.read_u8().await.unwrap();
            far.write_all(b"\x15\x03\x03\x00\x02\x02\x0a").await.unwrap();
        });
        Box::pin(async move { Ok(Box::new(near) as Box<dyn Io>) })
    }
}

#[tokio::test(start_paused = true)]
async fn tls_at_the_listener_only() {
    let (at_dialer, _) = ten_minutes(|dialer| dialer.dial_with(TlsListener), unchanged).await;
    let reason = "the listener expects TLS: use names with https://";
    assert_counted(&at_dialer, "cannot reach the peer", "more attempts failed", reason);
}

#[tokio::test(start_paused = true)]
async fn two_processes_with_one_name() {
    let watched = Watched::new();
    let (_listener, route) = listening(unchanged);
    let process = |host| node(sides().0).dial_with(route.from(host)).build().unwrap();
    let _first = process([10, 0, 0, 1]);
    sleep(Duration::from_secs(5)).await;
    let _second = process([10, 0, 0, 2]);
    sleep(TEN_MINUTES).await;
    let (at_dialers, at_listener) = watched.both();
    for lines in [&at_dialers, &at_listener] {
        assert!(lines.len() <= 20, "{}: {lines:#?}", lines.len());
        let both = |line: &&String| line.contains("10.0.0.1") && line.contains("10.0.0.2");
        assert!(lines.iter().filter(both).count() >= 1, "{lines:#?}");
    }
    let warned = |lines: &[String]| lines.iter().filter(|line| line.contains("one name")).count();
    assert!((1..=11).contains(&warned(&at_dialers)), "{at_dialers:#?}");
    assert!((1..=11).contains(&warned(&at_listener)), "{at_listener:#?}");
}

#[tokio::test(start_paused = true)]
async fn health_checks_are_not_news() {
    let watched = Watched::new();
    let (_listener, route) = listening(unchanged);
    let _dialer = node(sides().0).dial_with(route.clone()).build().unwrap();
    for _ in 0..120 {
        sleep(Duration::from_secs(5)).await;
        drop(route.from([10, 9, 9, 9]).open());
        let mut silent = route.from([10, 9, 9, 8]).open();
        tokio::spawn(async move { silent.read_u8().await });
        let mut http = route.from([10, 9, 9, 7]).open();
        http.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        http.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
        for request in ["HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS / HTTP/1.0\r\n\r\n"] {
            let mut http = route.from([10, 9, 9, 6]).open();
            http.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            http.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
            assert_eq!(answer.ends_with("\r\n\r\n"), request.starts_with("HEAD"), "{answer}");
        }
    }
    let (at_dialer, at_listener) = watched.both();
    for lines in [at_dialer, at_listener] {
        assert_eq!(lines.len(), 1, "{lines:#?}");
        assert!(lines[0].contains("link is up"), "{lines:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_changes_the_version_is_news() {
    let watched = Watched::new();
    let (_listener, route) = listening(unchanged);
    let mut http = route.open();
    let request = "GET /minio/grid/v1 HTTP/1.0\r\nAuthorization: Bearer x\r\n\r\n";
    http.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    http.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 426"), "{answer}");
    drop(http);
    sleep(Duration::from_secs(5)).await;
    let (_, lines) = watched.both();
    assert!(lines.iter().any(|line| line.contains("a proxy in between")), "{lines:#?}");
}

/// Never answers.
struct DeadHost;

impl Dial for DeadHost {
    fn dial<'a>(&'a self, _: &'a str) -> Dialing<'a> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn dead_host() {
    let (at_dialer, at_listener) =
        ten_minutes(|dialer| dialer.dial_with(DeadHost), unchanged).await;
    let reason = "no WebSocket upgrade within 10s (`Config::connect_timeout`)";
    assert_counted(&at_dialer, "cannot reach the peer", "more attempts failed", reason);
    assert!(at_dialer[1].contains("message=6 more"), "{at_dialer:#?}");
    assert_eq!(at_listener.len(), 1, "{at_listener:#?}");
    assert!(at_listener[0].contains("the peer has not dialed this node"), "{at_listener:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_of_the_base_protocol() {
    let (at_dialer, at_listener) =
        ten_minutes(|dialer| dialer.extensions([""; 0]), unchanged).await;
    assert_eq!((at_dialer.len(), at_listener.len()), (1, 1));
    assert!(at_dialer[0].contains("link is up"), "{at_dialer:#?}");
    let missing = "missing_extensions=\"ids32, meta, cancel, credits, chunks, names, limits, crc, contracts, proof, drain, guest, windows\"";
    assert!(at_listener[0].contains("link is up"), "{at_listener:#?}");
    assert!(at_listener[0].contains(missing), "{at_listener:#?}");
    assert!(!at_dialer[0].contains("missing_extensions"), "it offers none itself: {at_dialer:#?}");
}

#[tokio::test(start_paused = true)]
async fn size_limits_apart() {
    let config = Config::default().message_bytes_max(1 << 20);
    let (at_dialer, at_listener) = ten_minutes(unchanged, |listener| listener.config(config)).await;
    assert_eq!((at_dialer.len(), at_listener.len()), (1, 1));
    assert!(
        at_dialer[0].contains("own_message_bytes_max=16777216 peer_message_bytes_max=1048576"),
        "{at_dialer:#?}"
    );
    assert!(
        at_listener[0].contains("own_message_bytes_max=1048576 peer_message_bytes_max=16777216"),
        "{at_listener:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_link_that_is_lost_and_comes_back() {
    let watched = Watched::new();
    let (listener, route) = listening(unchanged);
    let dialer = node(sides().0).dial_with(route).build().unwrap();
    sleep(Duration::from_secs(1)).await;
    drop(dialer);
    sleep(Duration::from_secs(60)).await;
    let at_listener = watched.of(listener.name());
    let messages = ["link is up", "link is down", "the peer has not dialed this node"];
    assert_eq!(at_listener.len(), messages.len(), "{at_listener:#?}");
    for (line, message) in at_listener.iter().zip(messages) {
        assert!(line.contains(message) && line.contains(sides().0), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_from_the_listening_side_says_why_the_dialer_was_refused() {
    let (listener, route) = listening(|builder| builder.token(SharedSecret::new("right")));
    let connection = listener.connection(sides().0).unwrap();
    let call = || connection.request(7, None);
    let error = call().await.unwrap_err();
    assert!(
        error.to_string().contains("has to dial this node, and has not done so yet"),
        "{error}"
    );

    let wrong = SharedSecret::new("left");
    let dialer = node(sides().0).dial_with(route.clone()).token(wrong).build().unwrap();
    sleep(Duration::from_secs(1)).await;
    let waiting = call().wait_connected().timeout(Duration::from_secs(5)).await.unwrap_err();
    for error in [call().await.unwrap_err(), waiting] {
        assert!(matches!(error, CallError::Disconnected { sent: Sent::No, .. }), "{error:?}");
        let text = error.to_string();
        for part in [sides().0, "192.0.2.1:1", "invalid token", "403 Forbidden"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    drop(dialer);

    let tiny = Config::default().clock_skew_max(Duration::from_nanos(1));
    let (listener, route) = listening(|builder| builder.config(tiny));
    let _dialer = node(sides().0).dial_with(route).build().unwrap();
    sleep(Duration::from_secs(1)).await;
    let connection = listener.connection(sides().0).unwrap();
    let text = connection.request(7, None).await.unwrap_err().to_string();
    assert!(text.contains("this node refused the peer: time difference too large"), "{text}");
}
#[tokio::test(start_paused = true)]
async fn a_node_that_is_not_listed_yet_is_one_line_a_minute_at_both_ends() {
    let (lines, _guard) = Lines::collect();
    let (dialer, listener) = sides();
    let (incoming, route) = scripted_listener();
    let listening = Manager::builder(listener).token(grid::NoAuth).build().unwrap();
    tokio::spawn(listening.serve(incoming));
    let dialing = node(dialer).dial_with(route).build().unwrap();
    sleep(Duration::from_secs(301)).await;
    let said = lines.with(Level::INFO, "unknown incoming host");
    let of_listener = said
        .iter()
        .filter(|line| line.contains("refused a connection") || line.contains("more connections"));
    assert!((5..=7).contains(&of_listener.count()), "{said:#?}");
    let of_dialer =
        said.iter().filter(|line| line.contains("cannot reach") || line.contains("more attempts"));
    assert!((5..=7).contains(&of_dialer.count()), "{said:#?}");
    assert!(said.iter().any(|line| line.contains("more attempts failed")), "{said:#?}");
    listening.members().add(dialer).unwrap();
    dialing.connection(listener).unwrap().wait_connected(Duration::from_secs(2)).await.unwrap();
}
