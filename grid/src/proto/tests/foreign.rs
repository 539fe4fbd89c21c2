//! Buffers of the user: however a call ends, the link drops none of them while one of its methods runs, because it is
//! used under a lock, and dropping a buffer can run the user's code.

use std::cell::Cell;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::pair::{SINGLE, request, routes, secs, session, stream};
use super::start;
use crate::error::{ErrorCode, Fault};
use crate::proto::wire::{HandlerId, Meta};
use crate::proto::{CallSpec, Deadline, Event, Features, Inbound, Key, Limits, Link, Side};

thread_local! {
    /// A method of a link runs.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    /// Buffers that were made and not dropped.
    static LIVE: Cell<usize> = const { Cell::new(0) };
    /// Buffers that were dropped while a method of a link ran.
    static DROPPED_INSIDE: Cell<usize> = const { Cell::new(0) };
}

/// A buffer of the user.
struct Owned(Vec<u8>);

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        LIVE.set(LIVE.get() - 1);
        DROPPED_INSIDE.set(DROPPED_INSIDE.get() + usize::from(INSIDE.get()));
    }
}

fn owned(len: usize) -> Bytes {
    LIVE.set(LIVE.get() + 1);
    Bytes::from_owner(Owned(vec![7; len]))
}

/// A link that notes when one of its methods runs.
struct Fenced {
    link: Link,
    inbound: Inbound,
    /// Calls to serve.
    serves: Vec<Key>,
}

impl Fenced {
    fn new(limits: &Limits) -> Self {
        let link = Link::new("peer".into(), limits.clone(), routes(), std::num::NonZeroU32::MIN);
        Self { link, inbound: Inbound::default(), serves: Vec::new() }
    }

    /// Calls a method of the link, then drops what it has released.
    fn with<T>(&mut self, act: impl FnOnce(&mut Link) -> T) -> T {
        let mut released = Vec::new();
        INSIDE.set(true);
        let result = act(&mut self.link);
        while let Some(event) = self.link.poll_event() {
            released.push(event);
        }
        INSIDE.set(false);
        for event in released {
            if let Event::Serve { key, .. } = event {
                self.serves.push(key);
            }
        }
        result
    }

    fn start(&mut self, features: Features) {
        self.with(|link| link.start(start(), session(true, features)));
        self.inbound = self.link.new_inbound();
    }

    fn timeout(&mut self, now: Instant) {
        let mut inbound = std::mem::take(&mut self.inbound);
        self.with(|link| link.handle_timeout(now, &mut inbound)).expect("a peer that answers");
        self.inbound = inbound;
    }
}

/// Moves all messages that `from` has for `to`.
fn carry(from: &mut Fenced, to: &mut Fenced) {
    while let Some(message) = from.with(|link| link.poll_transmit(start())) {
        to.inbound.push(message.seal().to_bytes());
    }
    let mut inbound = std::mem::take(&mut to.inbound);
    while inbound.decode() {
        to.with(|link| link.handle_messages(start(), &mut inbound)).expect("own messages");
    }
    to.inbound = inbound;
}

/// Every shape of a test: extensions, room in the outbox, length of the buffers.
fn shapes() -> impl Iterator<Item = (Features, Limits, usize)> {
    let each_features = [Features::all(), Features::NONE];
    each_features.into_iter().flat_map(|features| {
        [1, 1 << 20].into_iter().flat_map(move |room| {
            [10, 1000].into_iter().map(move |len| {
                let limits = Limits {
                    large_bytes: 64,
                    part_bytes: 32,
                    outbox_bytes: room,
                    transfer_bytes: room,
                    ..Limits::default()
                };
                (features, limits, len)
            })
        })
    })
}

#[track_caller]
fn assert_all_dropped_outside() {
    assert_eq!(DROPPED_INSIDE.get(), 0, "buffers were dropped inside the link");
    assert_eq!(LIVE.get(), 0, "buffers are still held");
}

/// A request with a payload and metadata of the user.
fn spec(len: usize, with_meta: bool) -> CallSpec {
    let user = [("a", len), ("b", 0)].map(|(key, len)| (key.to_owned(), owned(len)));
    let meta = with_meta.then(|| Box::new(Meta { user: user.into(), ..Meta::default() }));
    let deadline = Some(Deadline { at: start() + secs(1), after: secs(1) });
    CallSpec { payload: Some(owned(len).into()), meta, wait: true, deadline, ..request(b"") }
}

/// Starts calls, and drops what the caller has of them.
fn calls(node: &mut Fenced, len: usize, with_meta: bool) -> Vec<Key> {
    let start_one = |_| {
        let spec = spec(len, with_meta);
        node.with(|link| link.start_call(start(), &spec)).expect("a call that can start")
    };
    (0..4).map(start_one).collect()
}

/// How the calls of a test end.
#[derive(Debug, Clone, Copy)]
enum End {
    Sent,
    Forgotten,
    DeadlinePassed,
    ConnectionLost,
}

#[test]
fn calls_and_their_metadata() {
    for (features, limits, len) in shapes() {
        for end in [End::Sent, End::Forgotten, End::DeadlinePassed, End::ConnectionLost] {
            let (mut a, mut b) = (Fenced::new(&limits), Fenced::new(&limits));
            a.start(features);
            b.start(features);
            let keys = calls(&mut a, len, features != Features::NONE);
            match end {
                End::Sent => carry(&mut a, &mut b),
                End::Forgotten => {
                    let first = a.with(|link| link.poll_transmit(start()));
                    first.into_iter().for_each(|message| b.inbound.push(message.seal().to_bytes()));
                    keys.iter().for_each(|key| a.with(|link| link.forget_call(*key)));
                    carry(&mut a, &mut b);
                }
                End::DeadlinePassed => {
                    a.timeout(start() + secs(2));
                    // A message that travels as a whole is not withdrawn.
                    carry(&mut a, &mut b);
                }
                End::ConnectionLost => {
                    a.with(|link| link.stop(super::why("lost")));
                    keys.iter().for_each(|key| a.with(|link| link.forget_call(*key)));
                }
            }
            assert_all_dropped_outside();
        }
    }
}

/// Calls that wait for a connection keep no buffer of the metadata, and end when the peer turns out not to know any.
#[test]
fn calls_that_wait_for_a_connection() {
    for (features, limits, len) in shapes() {
        let (mut a, mut b) = (Fenced::new(&limits), Fenced::new(&limits));
        let keys = calls(&mut a, len, true);
        let payloads = if len > limits.large_bytes { keys.len() } else { 0 };
        assert_eq!(LIVE.get(), payloads, "only large payloads are shared");
        a.start(features);
        b.start(features);
        carry(&mut a, &mut b);
        let served = if features == Features::NONE { 0 } else { keys.len() };
        assert_eq!(b.serves.len(), served);
        for key in keys {
            let answer = a.with(|link| link.take_answer(key));
            assert_eq!(answer.is_some(), served == 0, "{answer:?}");
        }
        assert_all_dropped_outside();
    }
}

#[test]
fn answers_and_errors() {
    for (features, limits, len) in shapes() {
        for is_lost in [false, true] {
            let (mut a, mut b) = (Fenced::new(&limits), Fenced::new(&limits));
            a.start(features);
            b.start(features);
            let streams = [stream(1, 1), stream(1, 1)];
            let requests = [request(b""), request(b""), request(b""), request(b"")];
            for spec in streams.iter().chain(&requests) {
                a.with(|link| link.start_call(start(), spec)).expect("a call that can start");
            }
            carry(&mut a, &mut b);
            let fault = || Fault {
                body: owned(len),
                ..Fault::new(ErrorCode::Handler, "long enough to fill the outbox")
            };
            for (index, key) in std::mem::take(&mut b.serves).into_iter().enumerate() {
                if index < streams.len() {
                    let item = owned(len).into();
                    b.with(|link| link.send(Side::Callee, key, &item));
                    let outcome = Err(fault());
                    b.with(|link| link.finish_stream(key, &outcome));
                } else {
                    let outcome =
                        if index % 2 == 0 { Ok(Some(owned(len).into())) } else { Err(fault()) };
                    b.with(|link| link.reply(key, &outcome));
                }
            }
            if is_lost {
                b.with(|link| link.stop(super::why("lost")));
            } else {
                carry(&mut b, &mut a);
                // The errors of streams wait for a credit, which the reader of the items would return.
                b.with(|link| link.stop(super::why("done")));
            }
            assert_all_dropped_outside();
        }
    }
}

#[test]
fn calls_that_cannot_start() {
    let limits = Limits::default();
    let mut node = Fenced::new(&limits);
    node.start(Features::NONE);
    let refused = [
        spec(10, true),
        CallSpec {
            deadline: Some(Deadline { at: start(), after: Duration::ZERO }),
            ..spec(10, false)
        },
        CallSpec { handler: HandlerId::new(SINGLE << 8), ..spec(10, false) },
        spec(limits.message_bytes_max, false),
    ];
    for spec in refused {
        node.with(|link| link.start_call(start(), &spec)).expect_err("a call that cannot start");
    }
    assert_all_dropped_outside();
}
