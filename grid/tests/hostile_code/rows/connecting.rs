//! Code that runs while nodes connect: authenticators, dialers, byte streams, and the errors and details that they return. It
//! runs for a third node, and must not reach the link of the other two.

use std::error::Error;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use grid::{
    Answer, Ask, Authenticate, Authenticating, CallError, Claim, Connection, Denied, Dial, Dialing,
    Identity, Io, LinkError, Manager, State, TokenFuture,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::RuntimeFlavor;
use tokio::time::sleep;

use crate::gate::LIMIT;
use crate::hostile::{Hostile, OnDrop};
use crate::hostile_log::LogPlace;
use crate::row::Row;
use crate::support::{A, Network};

/// A third node, which A dials, and one that dials A.
pub(super) fn third(is_dialed: bool) -> &'static str {
    let names = ('c'..='z').map(|name| format!("http://{name}:1"));
    let third = names.into_iter().find(|name| grid::dials(A, name) == is_dialed);
    third.unwrap().leak()
}

/// Where the code runs, for connections of the third node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Token,
    Check,
    Prove,
    Verify,
    Dial,
    DialError,
    Details,
    Read,
    Write,
    Flush,
    DropStream,
}

impl At {
    /// Whether A runs it when it dials.
    fn is_at_dialer(self) -> bool {
        !matches!(self, Self::Check | Self::Prove | Self::Details)
    }
}

/// The code at one place, if the peer is the third node.
#[derive(Clone)]
struct Code {
    hostile: Hostile,
    at: At,
}

impl Code {
    fn run(&self, at: At, peer: Option<&str>) {
        if self.at == at && peer == Some(third(at.is_at_dialer())) {
            self.hostile.run();
        }
    }
}

impl Authenticate for Code {
    fn token<'a>(&'a self, ask: Ask<'a>) -> TokenFuture<'a> {
        Box::pin(async move {
            self.run(At::Token, Some(ask.peer));
            Ok("token".into())
        })
    }

    fn check<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        // Before the future is made.
        self.run(At::Check, claim.name);
        let has_details = self.at == At::Details && claim.name == Some(third(false));
        let identity = Identity::unproven("by the test");
        Box::pin(async move {
            Ok(match has_details {
                true => identity.with_details(Details(OnDrop(self.hostile.clone()))),
                false => identity,
            })
        })
    }

    fn prove<'a>(&'a self, claim: Claim<'a>) -> Authenticating<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            self.run(At::Prove, claim.name);
            None
        })
    }

    fn verify<'a>(&'a self, answer: Answer<'a>) -> Authenticating<'a, Result<Identity, Denied>> {
        Box::pin(async move {
            self.run(At::Verify, Some(answer.peer));
            Ok(Identity::unproven("by the test"))
        })
    }
}

/// What is known of a peer, until its connection has ended.
struct Details(#[expect(dead_code, reason = "dropped")] OnDrop);

impl Dial for Code {
    fn dial<'a>(&'a self, name: &'a str) -> Dialing<'a> {
        Box::pin(async move {
            self.run(At::Dial, Some(name));
            let is_third = name == third(true);
            if is_third && self.at == At::DialError && self.hostile.is_armed() {
                return Err(LinkError::connect(Reason(OnDrop(self.hostile.clone()))));
            }
            let stream = self.hostile.network().dial(name).await?;
            Ok(match is_third {
                true => Box::new(Stream { inner: stream, code: self.clone() }) as Box<dyn Io>,
                false => stream,
            })
        })
    }
}

/// The error of a dialer, a listener or a source.
pub(super) struct Reason(pub(super) OnDrop);

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.0.run();
        f.write_str("Reason")
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.0.run();
        f.write_str("no way")
    }
}

impl Error for Reason {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.0.run();
        None
    }
}

/// A byte stream to the third node.
struct Stream {
    inner: Box<dyn Io>,
    code: Code,
}

impl Stream {
    fn run(&self, at: At) {
        self.code.run(at, Some(third(true)));
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.run(At::Read);
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.run(At::Write);
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.run(At::Flush);
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.run(At::DropStream);
    }
}

/// Lets the third node connect until the code has run, and then without it.
async fn connect_third(at: At, hostile: Hostile) {
    let name = third(at.is_at_dialer());
    let third = third_node(hostile.network(), name);
    let needs_a_link =
        matches!(at, At::Read | At::Write | At::Flush | At::DropStream | At::Details);
    if !needs_a_link {
        hostile.arm();
    }
    hostile.node(A).members().add(name).unwrap();
    let connection = hostile.node(A).connection(name).unwrap();
    if needs_a_link {
        connection.wait_connected(LIMIT).await.unwrap();
        hostile.arm();
        // Writes and reads, and in the end the link is gone.
        let ended = connection.request(9_u8, None).await;
        if hostile.panics() && matches!(at, At::Read | At::Write | At::Flush) {
            let Err(CallError::Disconnected { reason, .. }) = &ended else { panic!("{ended:?}") };
            assert!(matches!(**reason, LinkError::Panicked { .. }), "{reason:?}");
        }
        third.shutdown(Duration::ZERO).await;
    }
    hostile.has_run().await;
    if hostile.panics() && !needs_a_link {
        match at.is_at_dialer() {
            true => attempts_fail(at, &hostile, &connection).await,
            false => attempts_fail(at, &hostile, &third.connection(A).unwrap()).await,
        }
    }
    hostile.disarm();
    let is_paused =
        tokio::runtime::Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread;
    // In real time, the pauses between attempts would take long. The attempt that was blocked goes on.
    if is_paused || hostile.blocks() && !needs_a_link {
        let _again = needs_a_link.then(|| third_node(hostile.network(), name));
        connection.wait_connected(Duration::from_secs(60)).await.unwrap();
    }
}

/// While the code panics, so do all attempts of the node that dials.
async fn attempts_fail(at: At, hostile: &Hostile, dials: &Connection) {
    let failed = dials.states().wait_for(|state| matches!(state, State::Error(_))).await;
    let Some(State::Error(reason)) = failed else { panic!("{failed:?}") };
    match at {
        // The dialer is not told what has panicked. The node that is dialed counts it.
        At::Check | At::Prove => {
            assert!(matches!(*reason, LinkError::Closed { .. }), "{reason:?}");
            // Soon after it has closed the connection.
            while !hostile.node(A).stats().refused.contains_key("panicked") {
                sleep(Duration::from_millis(1)).await;
            }
        }
        At::DialError => {
            assert!(matches!(*reason, LinkError::Connect(_)), "{reason:?}");
            while !hostile.has_logged("an error whose text panics") {
                sleep(Duration::from_millis(1)).await;
            }
        }
        _ => assert!(matches!(*reason, LinkError::Panicked { .. }), "{reason:?}"),
    }
}

/// A third node.
fn third_node(network: &Network, name: &str) -> Manager {
    let node = network.node(name, &[A, name]).build().unwrap();
    network.attach(&node);
    node
}

fn connecting(at: At) {
    Row::new(
        move |builder, hostile| {
            let code = Code { hostile: hostile.clone(), at };
            builder.token(code.clone()).dial_with(code)
        },
        move |_, hostile| connect_third(at, hostile),
    )
    .in_the_log(LogPlace::None)
    .run();
}

#[test]
fn tokens_of_dialers() {
    connecting(At::Token);
}

#[test]
fn checks_of_dialers() {
    connecting(At::Check);
}

#[test]
fn proofs_of_listeners() {
    connecting(At::Prove);
}

#[test]
fn checks_of_listeners() {
    connecting(At::Verify);
}

#[test]
fn dialers() {
    connecting(At::Dial);
}

#[test]
fn errors_of_dialers() {
    connecting(At::DialError);
}

#[test]
fn details_of_identities() {
    connecting(At::Details);
}

#[test]
fn byte_streams_that_are_read() {
    connecting(At::Read);
}

#[test]
fn byte_streams_that_are_written() {
    connecting(At::Write);
}

#[test]
fn byte_streams_that_are_flushed() {
    connecting(At::Flush);
}

#[test]
fn byte_streams_that_are_dropped() {
    connecting(At::DropStream);
}
