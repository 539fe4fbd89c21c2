//! Code of the user's that runs while nodes connect: authenticators, dialers and byte streams that panic, block, never
//! return or call back. The links of other peers go on, and the peer is connected as soon as the code works.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use grid::{
    Ask, Authenticate, Authenticating, Builder, CallError, Claim, Connection, Denied, Dial,
    Dialing, Identity, Io, LinkError, Manager, Sent, State, TokenFuture,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep};

use crate::support::Network;

const ECHO: u8 = 1;
const SOON: Duration = Duration::from_secs(5);

/// The names of a node, of one that dials it, and of two that it dials.
struct Names {
    node: String,
    dialing: String,
    dialed: [String; 2],
}

fn names() -> Names {
    let all: Vec<_> = (1..30).map(|n| format!("http://node{n}:9000")).collect();
    let of = |node: &String| {
        let others = || all.iter().filter(move |other| *other != node);
        let mut dialed = others().filter(|other| grid::dials(node, other)).cloned();
        let dialing = others().find(|other| grid::dials(other, node)).cloned();
        Some(Names {
            node: node.clone(),
            dialing: dialing?,
            dialed: [dialed.next()?, dialed.next()?],
        })
    };
    all.iter().find_map(of).unwrap()
}

impl Names {
    fn all(&self) -> [&str; 4] {
        [&self.node, &self.dialing, &self.dialed[0], &self.dialed[1]]
    }

    /// Builds a node of these.
    fn build(
        &self,
        network: &Network,
        name: &str,
        configure: impl FnOnce(Builder) -> Builder,
    ) -> Manager {
        let builder =
            network
                .node(name, &self.all())
                .single_handler(ECHO, None, |_cx, payload| async { Ok(payload) });
        let manager = configure(builder).build().unwrap();
        network.attach(&manager);
        manager
    }
}

/// What the code of the user does in its first runs, for as long as `bad` is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Panics,
    PanicsLater,
    NeverReturns,
    CallsBack,
}

const ALL: [How; 4] = [How::Panics, How::PanicsLater, How::NeverReturns, How::CallsBack];

/// Code that misbehaves towards the peer `bad` until it is healed.
#[derive(Clone)]
struct Buggy {
    how: How,
    bad: Arc<str>,
    healed: Arc<AtomicBool>,
    runs: Arc<AtomicUsize>,
    link: Arc<OnceLock<Connection>>,
    network: Network,
}

impl Buggy {
    fn new(how: How, bad: &str, network: &Network) -> Self {
        let (healed, runs, link) = Default::default();
        Self { how, bad: bad.into(), healed, runs, link, network: network.clone() }
    }

    /// Panics at once for `How::Panics`; otherwise the future misbehaves.
    fn run(&self, peer: Option<&str>) -> Authenticating<'static, ()> {
        let concerned = peer.is_some_and(|peer| *peer == *self.bad);
        if !concerned || self.healed.load(Ordering::Relaxed) {
            return Box::pin(async {});
        }
        self.runs.fetch_add(1, Ordering::Relaxed);
        assert!(self.how != How::Panics, "a bug of the user");
        let (how, link) = (self.how, self.link.get().cloned());
        Box::pin(async move {
            match how {
                How::NeverReturns => std::future::pending().await,
                How::CallsBack => {
                    let link = link.unwrap();
                    let _ = (link.state(), link.stats());
                    let call = link.request(ECHO, None).wait_connected();
                    let late = call.timeout(Duration::from_millis(100)).await;
                    assert!(late.is_err(), "this code keeps the link from being connected");
                }
                How::Panics | How::PanicsLater => panic!("a bug of the user"),
            }
        })
    }
}

impl Authenticate for Buggy {
    fn token<'a>(&'a self, ask: Ask<'a>) -> TokenFuture<'a> {
        let run = self.run(Some(ask.peer));
        Box::pin(async {
            run.await;
            Ok("token".into())
        })
    }

    fn check<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        let run = self.run(claim.name);
        Box::pin(async {
            run.await;
            Ok(Identity::unproven("x"))
        })
    }
}

impl Dial for Buggy {
    fn dial<'a>(&'a self, name: &'a str) -> Dialing<'a> {
        let run = self.run(Some(name));
        Box::pin(async move {
            run.await;
            self.network.dial(name).await
        })
    }
}

/// Lets a node be buggy towards one peer. Calls to another peer go on meanwhile; the bad peer is connected afterwards.
async fn towards(peer: impl Fn(&Names) -> &str, install: impl Fn(Builder, Buggy) -> Builder) {
    for how in ALL {
        let names = names();
        let network = Network::default();
        let bad = peer(&names).to_owned();
        let buggy = Buggy::new(how, &bad, &network);
        let node = names.build(&network, &names.node, |builder| install(builder, buggy.clone()));
        buggy.link.set(node.connection(&bad).unwrap()).unwrap();
        let _others: Vec<_> =
            names.all()[1..].iter().map(|name| names.build(&network, name, |b| b)).collect();
        let good = names.all()[1..].iter().find(|name| **name != bad).copied().unwrap();
        let (good, bad) = (node.connection(good).unwrap(), node.connection(&bad).unwrap());
        good.wait_connected(SOON).await.unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        while Instant::now() < until {
            sleep(Duration::from_secs(1)).await;
            assert_eq!(good.request(ECHO, Some("x".into())).await, Ok(Some("x".into())), "{how:?}");
            let waiting = bad.request(ECHO, None).wait_connected().timeout(SOON).await;
            if how != How::CallsBack {
                let failed = matches!(waiting, Err(CallError::Disconnected { sent: Sent::No, .. }));
                assert!(failed, "{waiting:?}");
            }
        }
        assert!(buggy.runs.load(Ordering::Relaxed) > 0, "{how:?}: it has run");
        buggy.healed.store(true, Ordering::Relaxed);
        bad.wait_connected(Duration::from_secs(30)).await.unwrap();
        assert_eq!(bad.request(ECHO, None).await, Ok(None), "{how:?}");
        assert_eq!(good.stats().connects, 1, "{how:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token() {
    towards(|names| &names.dialed[0], |builder, buggy| builder.token(buggy)).await;
}

#[tokio::test(start_paused = true)]
async fn the_check_of_a_token() {
    towards(|names| &names.dialing, |builder, buggy| builder.token(buggy)).await;
}

#[tokio::test(start_paused = true)]
async fn a_dialer() {
    towards(|names| &names.dialed[0], |builder, buggy| builder.dial_with(buggy)).await;
}

/// An authenticator that blocks its thread the first time it checks a name.
struct Blocks(Mutex<Option<Receiver<()>>>, Arc<AtomicBool>);

impl Authenticate for Blocks {
    fn token<'a>(&'a self, _: Ask<'a>) -> TokenFuture<'a> {
        Box::pin(async { Ok("".into()) })
    }

    fn check<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        let named = claim.name.is_some();
        Box::pin(async move {
            let gate = if named { self.0.lock().unwrap().take() } else { None };
            if let Some(gate) = gate {
                self.1.store(true, Ordering::Relaxed);
                let _ = gate.recv();
            }
            Ok(Identity::unproven("x"))
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authenticator_that_blocks_delays_its_own_peer_only() {
    let names = names();
    let network = Network::default();
    let (release, gate) = channel();
    let blocks = Arc::new(AtomicBool::new(false));
    let auth = Blocks(Mutex::new(Some(gate)), Arc::clone(&blocks));
    // The one that is dialed comes first, so that the first attempt succeeds.
    let good = names.build(&network, &names.dialed[0], |builder| builder);
    let node = names.build(&network, &names.node, |builder| builder.token(auth));
    let good = node.connection(good.name()).unwrap();
    good.wait_connected(SOON).await.unwrap();
    let _bad = names.build(&network, &names.dialing, |builder| builder);
    while !blocks.load(Ordering::Relaxed) {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        assert_eq!(good.request(ECHO, Some("x".into())).await, Ok(Some("x".into())));
    }
    let bad = node.connection(&names.dialing).unwrap();
    assert!(!bad.state().is_connected());
    release.send(()).unwrap();
    bad.wait_connected(SOON).await.unwrap();
}

/// A byte stream that panics while it is told to.
struct BadIo(Box<dyn Io>, Arc<AtomicBool>);

impl BadIo {
    fn check(&self) {
        assert!(!self.1.load(Ordering::Relaxed), "a bug of the byte stream");
    }
}

impl AsyncRead for BadIo {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check();
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for BadIo {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check();
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check();
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check();
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Dials one peer with byte streams that panic on demand.
#[derive(Clone)]
struct BadIoDialer(Network, Arc<str>, Arc<AtomicBool>);

impl Dial for BadIoDialer {
    fn dial<'a>(&'a self, name: &'a str) -> Dialing<'a> {
        Box::pin(async move {
            let stream = self.0.dial(name).await?;
            Ok(if *name == *self.1 { Box::new(BadIo(stream, Arc::clone(&self.2))) } else { stream })
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_byte_stream_that_panics_ends_its_own_link_only() {
    let names = names();
    let network = Network::default();
    let panics = Arc::new(AtomicBool::new(false));
    let [bad, good] = &names.dialed;
    let dialer = BadIoDialer(network.clone(), (&**bad).into(), Arc::clone(&panics));
    let node = names.build(&network, &names.node, |builder| builder.dial_with(dialer));
    let _others = [bad, good].map(|name| names.build(&network, name, |builder| builder));
    let [bad, good] = [bad, good].map(|name| node.connection(name).unwrap());
    for connection in [&bad, &good] {
        connection.wait_connected(SOON).await.unwrap();
    }
    panics.store(true, Ordering::Relaxed);
    let lost = bad.request(ECHO, None).await.unwrap_err();
    let CallError::Disconnected { reason, .. } = &lost else { panic!("{lost:?}") };
    assert!(matches!(**reason, LinkError::Panicked { .. }), "{reason}");
    for _ in 0..10 {
        sleep(Duration::from_secs(1)).await;
        assert_eq!(good.request(ECHO, None).await, Ok(None));
    }
    assert!(matches!(bad.state(), State::Error(_)), "{:?}", bad.state());
    panics.store(false, Ordering::Relaxed);
    bad.wait_connected(SOON).await.unwrap();
    assert_eq!(bad.request(ECHO, None).await, Ok(None));
    assert_eq!(good.stats().connects, 1);
}
