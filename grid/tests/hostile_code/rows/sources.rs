//! What a running node follows and what follows it: listeners, sources of members, and subscribers of events and warnings.

use std::borrow::Cow;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Wake};
use std::time::Duration;

use grid::{Accepted, Events, Listen, MemberEvents, MemberSource, NextMembers, Warning};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::connecting::{Reason, third};
use crate::gate::LIMIT;
use crate::hostile::{Hostile, OnDrop};
use crate::hostile_log::LogPlace;
use crate::neighbours::Links;
use crate::row::{Row, row};
use crate::support::{A, B};

/// A listener, and what it returns.
struct Listener {
    hostile: Hostile,
    fails: bool,
    streams: mpsc::UnboundedReceiver<DuplexStream>,
}

impl Listen for Listener {
    fn local_addr(&self) -> io::Result<String> {
        Ok("memory".to_owned())
    }

    async fn accept(&mut self) -> io::Result<Accepted> {
        if self.fails && self.hostile.runs() == 0 {
            return Err(io::Error::other(Reason(OnDrop(self.hostile.clone()))));
        }
        if !self.fails {
            self.hostile.run();
        }
        match self.streams.recv().await {
            Some(stream) => Ok(Accepted::new(stream)),
            None => std::future::pending().await,
        }
    }
}

/// The next stream is accepted, whatever the listener has done before.
fn listening(fails: bool) {
    let serve = move |_: Links, hostile: Hostile| async move {
        hostile.arm();
        let (accept, streams) = mpsc::unbounded_channel();
        let listener = Listener { hostile: hostile.clone(), fails, streams };
        let _serving = tokio::spawn(hostile.node(A).serve(listener));
        hostile.has_run().await;
        hostile.disarm();
        let (mut near, far) = tokio::io::duplex(1 << 16);
        accept.send(far).unwrap();
        near.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        let mut answer = Vec::new();
        let read = timeout(LIMIT, near.read_to_end(&mut answer)).await;
        read.expect("the listener has ended").unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 404"), "{}", String::from_utf8_lossy(&answer));
    };
    Row::new(|builder, _| builder, serve).in_the_log(LogPlace::None).run();
}

#[test]
fn listeners() {
    listening(false);
}

#[test]
fn errors_of_listeners() {
    listening(true);
}

/// Where a source of members runs the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SourceAt {
    Next,
    Grace,
    Name,
    Error,
    Drop,
}

struct Source {
    hostile: Hostile,
    at: SourceAt,
    _held: Option<OnDrop>,
}

impl Source {
    fn run(&self, at: SourceAt) {
        if self.at == at {
            self.hostile.run();
        }
    }
}

impl MemberSource for Source {
    fn next(&mut self) -> NextMembers<'_> {
        Box::pin(async {
            self.run(SourceAt::Next);
            match self.at {
                SourceAt::Name if self.hostile.runs() == 0 => Err("no list".into()),
                SourceAt::Error if self.hostile.runs() == 0 => {
                    Err(Reason(OnDrop(self.hostile.clone())).into())
                }
                _ => Ok([A, B, third(true)].map(str::to_owned).to_vec()),
            }
        })
    }

    fn grace(&self) -> Duration {
        self.run(SourceAt::Grace);
        Duration::ZERO
    }

    fn name(&self) -> Cow<'_, str> {
        self.run(SourceAt::Name);
        "a source".into()
    }
}

/// The node follows its source as soon as that works.
fn following(at: SourceAt) {
    let follow = move |_: Links, hostile: Hostile| async move {
        hostile.arm();
        let members = hostile.node(A).members();
        let source = |_held| Source { hostile: hostile.clone(), at, _held };
        match at {
            SourceAt::Drop => {
                members.follow(source(Some(OnDrop(hostile.clone()))));
                members.follow(source(None));
            }
            _ => members.follow(source(None)),
        }
        hostile.has_run().await;
        hostile.disarm();
        while !members.list().iter().any(|host| host == third(true)) {
            assert!(!hostile.ends_node(), "it does not follow any more");
            sleep(Duration::from_millis(1)).await;
        }
    };
    Row::new(|builder, _| builder, follow).has_pauses().in_the_log(LogPlace::None).run();
}

#[test]
fn sources_of_members() {
    following(SourceAt::Next);
}

#[test]
fn sources_of_members_that_say_how_long_calls_may_take() {
    following(SourceAt::Grace);
}

#[test]
fn names_of_sources_of_members() {
    following(SourceAt::Name);
}

#[test]
fn errors_of_sources_of_members() {
    following(SourceAt::Error);
}

#[test]
fn sources_of_members_that_are_dropped() {
    following(SourceAt::Drop);
}

/// Runs the code when it is woken.
struct Woken(Hostile);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.run();
    }
}

/// Registers wakers that run the code.
fn wait(hostile: &Hostile, events: &mut MemberEvents, warnings: &mut Events<Warning>) {
    let waker = Arc::new(Woken(hostile.clone())).into();
    let cx = &mut Context::from_waker(&waker);
    assert!(pin!(events.next()).poll(cx).is_pending());
    assert!(pin!(warnings.next()).poll(cx).is_pending());
}

/// Subscribers of events and warnings: their wakers are woken by whatever happens.
#[test]
fn subscribers() {
    row(
        |builder, _| builder,
        |links, hostile| async move {
            let node = hostile.node(A);
            let (mut events, mut warnings) = (node.members().events(), node.warnings());
            wait(&hostile, &mut events, &mut warnings);
            hostile.arm();
            node.members().add(third(true)).unwrap();
            drop(node);
            let _unknown = links.back.request(9_u8, None).await;
            let (_event, _warning) = tokio::join!(events.next(), warnings.next());
        },
    );
}
