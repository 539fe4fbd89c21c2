//! Buffers of the user's (`Bytes::from_owner`): wherever the library drops one, its owner runs.

use bytes::Bytes;
use grid::{Builder, CallError, Capacities, ErrorCode};

use crate::hostile::{Hostile, OnDrop};
use crate::neighbours::{ECHO, Links};
use crate::row::{Row, row};

const ANSWER: u8 = 1;
const ITEM: u8 = 2;
const SINK: u8 = 3;
const TWO_WAY: Capacities = Capacities { incoming: 1, outgoing: 1 };

/// Shorter than a part, and sent in parts from where it lies.
const LENGTHS: [usize; 2] = [10, 1 << 20];

struct Owner {
    bytes: Vec<u8>,
    _drop: OnDrop,
}

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn buffer(hostile: &Hostile, len: usize) -> Bytes {
    Bytes::from_owner(Owner { bytes: vec![7; len], _drop: OnDrop(hostile.clone()) })
}

/// The owner runs inside the library only: the test gives its buffers away.
fn with_handlers(builder: Builder, hostile: &Hostile) -> Builder {
    let of_answer = hostile.clone();
    let of_item = hostile.clone();
    let len = |payload: Option<Bytes>| LENGTHS[usize::from(payload.unwrap()[0])];
    builder
        .single_handler(ANSWER, None, move |_, payload| {
            let answer = buffer(&of_answer, len(payload));
            async { Ok(Some(answer)) }
        })
        .stream_handler(ITEM, None, TWO_WAY, move |_, payload, _, mut output| {
            let item = buffer(&of_item, len(payload));
            async move { Ok(output.send(item).await?) }
        })
        .stream_handler(SINK, None, TWO_WAY, |_, _, mut input, _| async move {
            while input.next().await.is_some() {}
            Ok(())
        })
}

/// The caller drops a short buffer as soon as it is copied. If that blocks, it does so with the woken link behind it.
#[test]
fn buffers_of_requests() {
    let calls = |links: Links, hostile: Hostile| async move {
        hostile.arm();
        for connection in links.all() {
            for len in LENGTHS {
                // A panic of a buffer that is dropped by its own caller is one of the caller's.
                let request = connection.request(ECHO, Some(buffer(&hostile, len)));
                match own(request).await {
                    Some(ended) => assert_eq!(ended.unwrap().unwrap().len(), len),
                    None => assert!(hostile.panics(), "{len}"),
                }
            }
        }
    };
    Row::new(with_handlers, calls).others_may_wait().run();
}

/// The link drops a long buffer when it is written. In memory, the task that carries the bytes was woken by that.
#[test]
fn buffers_of_long_requests() {
    let calls = |links: Links, hostile: Hostile| async move {
        hostile.arm();
        for connection in [&links.there, &links.back] {
            let request = connection.request(ECHO, Some(buffer(&hostile, LENGTHS[1])));
            assert_eq!(request.await.unwrap().unwrap().len(), LENGTHS[1]);
        }
    };
    Row::new(with_handlers, calls).others_may_wait().run();
}

/// Runs a future in a task of its own. `None`: it has panicked.
async fn own<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> Option<T> {
    tokio::spawn(future).await.ok()
}

/// A handler of a task of its own drops its answer when it has woken its link.
#[test]
fn buffers_of_answers() {
    let calls = |links: Links, hostile: Hostile| async move {
        hostile.arm();
        for connection in links.all() {
            for (index, len) in LENGTHS.into_iter().enumerate() {
                let call = connection.request(ANSWER, Some(vec![index as u8].into()));
                assert_eq!(call.await.unwrap().unwrap().len(), len);
            }
        }
    };
    Row::new(with_handlers, calls).others_may_wait().run();
}

/// The same of an item.
#[test]
fn buffers_of_items_of_a_handler() {
    let calls = |links: Links, hostile: Hostile| async move {
        hostile.arm();
        for connection in links.all() {
            for (index, len) in LENGTHS.into_iter().enumerate() {
                let opening = connection.stream(ITEM, TWO_WAY, Some(vec![index as u8].into()));
                let (_input, mut output) = opening.await.unwrap();
                assert_eq!(output.next().await.unwrap().unwrap().len(), len);
                // A short item is copied, and dropped by the handler itself, which panics then. A long one is dropped by the
                // link or by the handler, whichever is later.
                match output.next().await {
                    None => assert!(!hostile.panics() || index == 1),
                    Some(Err(CallError::Remote(error))) => {
                        assert!(hostile.panics() && error.code == ErrorCode::Panicked, "{error}");
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    };
    Row::new(with_handlers, calls).others_may_wait().run();
}

/// A caller drops a short item as a handler does.
#[test]
fn buffers_of_items_of_a_caller() {
    let calls = |links: Links, hostile: Hostile| async move {
        hostile.arm();
        for connection in links.all() {
            for len in LENGTHS {
                let (mut input, mut output) = connection.stream(SINK, TWO_WAY, None).await.unwrap();
                let item = buffer(&hostile, len);
                match own(async move { input.send(item).await }).await {
                    Some(sent) => sent.unwrap(),
                    None => assert!(hostile.panics(), "{len}"),
                }
                assert_eq!(output.next().await, None);
            }
        }
    };
    Row::new(with_handlers, calls).others_may_wait().run();
}

#[test]
fn buffers_of_metadata() {
    let calls = |links: Links, hostile: Hostile| async move {
        hostile.arm();
        for connection in links.all() {
            let call = connection.request(ECHO, None).metadata("key", buffer(&hostile, 10));
            match own(call).await {
                Some(ended) => assert_eq!(ended, Ok(None)),
                None => assert!(hostile.panics()),
            }
        }
    };
    Row::new(with_handlers, calls).others_may_wait().run();
}

/// Calls that are dropped before they were sent, and that are refused.
#[test]
fn buffers_of_calls_that_are_not_made() {
    row(with_handlers, |links, hostile| async move {
        hostile.arm();
        for connection in links.all() {
            let call = connection.request(ECHO, Some(buffer(&hostile, 10)));
            let dropped = own(async move { drop(call) }).await;
            assert!(dropped.is_some() || hostile.panics());
            let call = connection.request(99_u8, Some(buffer(&hostile, 1 << 20)));
            match own(call).await {
                Some(Err(CallError::Remote(error))) => {
                    assert_eq!(error.code, ErrorCode::UnknownHandler);
                }
                Some(other) => panic!("{other:?}"),
                None => assert!(hostile.panics()),
            }
            let post = connection.request(ECHO, Some(buffer(&hostile, 1 << 20)));
            match own(async move { post.post() }).await {
                Some(posted) => posted.unwrap(),
                None => assert!(hostile.panics()),
            }
        }
    });
}

/// The link has parts of them when their calls are dropped.
#[test]
fn buffers_of_calls_that_are_cancelled() {
    row(with_handlers, |links, hostile| async move {
        hostile.arm();
        for connection in links.all() {
            let call = connection.request(ECHO, Some(buffer(&hostile, 8 << 20)));
            let cancelled = own(async move {
                let mut call = std::pin::pin!(call);
                let polled = std::future::poll_fn(|cx| {
                    std::task::Poll::Ready(call.as_mut().poll(cx).is_pending())
                });
                assert!(polled.await);
            });
            let cancelled = cancelled.await;
            assert!(cancelled.is_some() || hostile.panics());
        }
    });
}
