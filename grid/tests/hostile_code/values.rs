//! Values whose code panics, fails, blocks or calls back into the link while they are encoded, decoded or displayed:
//! arguments, answers, items and errors. Each ends its own call only, with an error that says what has happened.

use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::task::{Context, Waker};
use std::time::Duration;

use grid::{CallError, Connection, ErrorCode, Incoming, Manager, Outgoing, RemoteError, SendError};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tokio::time::sleep;

use crate::support::{A, B, Network, pair};

/// What a value does when it is encoded, decoded or displayed. It is sent as one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Bad {
    Fine,
    EncodePanics,
    EncodeFails,
    EncodeCallsBack,
    DecodePanics,
    DecodeFails,
    DecodeCallsBack,
    DecodeBlocks,
    DisplayPanics,
    DisplayCallsBack,
}

const ALL: [Bad; 10] = [
    Bad::Fine,
    Bad::EncodePanics,
    Bad::EncodeFails,
    Bad::EncodeCallsBack,
    Bad::DecodePanics,
    Bad::DecodeFails,
    Bad::DecodeCallsBack,
    Bad::DecodeBlocks,
    Bad::DisplayPanics,
    Bad::DisplayCallsBack,
];

thread_local! {
    /// The link that values of this thread call back into.
    static LINK: RefCell<Option<Connection>> = const { RefCell::new(None) };
}

/// Uses the link in several ways: asks for its state, starts a call, and cancels it.
fn call_back() {
    let connection = LINK.with_borrow(|link| link.clone().unwrap());
    let _ = (connection.state(), connection.stats());
    let mut call = pin!(ValuesClient::new(connection).take(Bad::Fine));
    assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

/// Holds values that block until the test releases them.
static GATE: Mutex<Option<Receiver<()>>> = Mutex::new(None);

impl Serialize for Bad {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::EncodePanics => panic!("a bug of the value"),
            Self::EncodeFails => return Err(S::Error::custom("not today")),
            Self::EncodeCallsBack => call_back(),
            _ => {}
        }
        to.serialize_u8(*self as u8)
    }
}

impl<'de> Deserialize<'de> for Bad {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = ALL[usize::from(u8::deserialize(from)?)];
        match value {
            Self::DecodePanics => panic!("a bug of the value"),
            Self::DecodeFails => return Err(D::Error::custom("not today")),
            Self::DecodeCallsBack => call_back(),
            Self::DecodeBlocks => drop(GATE.lock().unwrap().as_ref().unwrap().recv()),
            _ => {}
        }
        Ok(value)
    }
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DisplayPanics => panic!("a bug of the error"),
            Self::DisplayCallsBack => call_back(),
            _ => {}
        }
        f.write_str("a bad value")
    }
}

#[grid::service]
trait Values {
    async fn take(&self, value: Bad);
    async fn make(&self, code: u8) -> Bad;
    async fn fail(&self, code: u8) -> Result<u8, Bad>;
    /// Sends a fine item, the bad one, and a fine one.
    async fn items(&self, code: u8, out: Outgoing<Bad>);
    /// Returns the number of fine items.
    async fn input(&self, input: Incoming<Bad>) -> Result<u32, RemoteError>;
    async fn wait(&self) -> u8;
}

struct Node;

impl Values for Node {
    async fn take(&self, _: Bad) {}

    async fn make(&self, code: u8) -> Bad {
        ALL[usize::from(code)]
    }

    async fn fail(&self, code: u8) -> Result<u8, Bad> {
        Err(ALL[usize::from(code)])
    }

    async fn items(&self, code: u8, mut out: Outgoing<Bad>) {
        for item in [Bad::Fine, ALL[usize::from(code)], Bad::Fine] {
            let _ = out.send(item).await;
        }
    }

    async fn input(&self, mut input: Incoming<Bad>) -> Result<u32, RemoteError> {
        let mut fine = 0;
        while let Some(item) = input.next().await {
            fine += u32::from(item? == Bad::Fine);
        }
        Ok(fine)
    }

    async fn wait(&self) -> u8 {
        sleep(Duration::from_secs(1)).await;
        7
    }
}

/// Runs the test over a link and over the loopback, each time beside another call, which must be answered.
async fn beside_another_call(test: impl AsyncFn(ValuesClient)) {
    let (_network, nodes) = connected().await;
    for peer in [B, A] {
        let connection = nodes[0].connection(peer).unwrap();
        LINK.set(Some(connection.clone()));
        let values = ValuesClient::new(connection.clone());
        let other = tokio::spawn(values.wait());
        sleep(Duration::from_millis(500)).await;
        test(values).await;
        assert_eq!(other.await.unwrap(), Ok(7), "the other call");
        let stats = connection.stats();
        assert_eq!((stats.connects, stats.in_flight_out), (1, 0), "the link to {peer}");
    }
    LINK.set(None);
}

async fn connected() -> (Network, [Manager; 2]) {
    let (network, a, b) = pair(|builder| builder.service(ValuesServer::new(Node))).await;
    (network, [a, b])
}

fn remote_code<T: fmt::Debug, E: fmt::Debug>(result: Result<T, CallError<E>>) -> ErrorCode {
    match result {
        Err(CallError::Remote(error)) => error.code,
        other => panic!("another outcome: {other:?}"),
    }
}

/// Whether the task of this future panics. Futures of calls decode in the task of the caller.
async fn panics<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> bool {
    tokio::spawn(future).await.is_err_and(|error| error.is_panic())
}

#[tokio::test(start_paused = true)]
async fn arguments() {
    beside_another_call(async |values| {
        let encoding = catch_unwind(AssertUnwindSafe(|| drop(values.take(Bad::EncodePanics))));
        assert!(encoding.is_err(), "at the caller, where it is encoded");
        assert!(matches!(values.take(Bad::EncodeFails).await, Err(CallError::Encode(_))));
        assert_eq!(values.take(Bad::EncodeCallsBack).await, Ok(()));
        assert_eq!(remote_code(values.take(Bad::DecodePanics).await), ErrorCode::Panicked);
        assert_eq!(remote_code(values.take(Bad::DecodeFails).await), ErrorCode::BadRequest);
        assert_eq!(values.take(Bad::DecodeCallsBack).await, Ok(()));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn answers() {
    beside_another_call(async |values| {
        let make = |bad: Bad| values.make(bad as u8);
        assert_eq!(remote_code(make(Bad::EncodePanics).await), ErrorCode::Panicked);
        assert_eq!(remote_code(make(Bad::EncodeFails).await), ErrorCode::Handler);
        assert_eq!(make(Bad::EncodeCallsBack).await, Ok(Bad::EncodeCallsBack));
        assert!(panics(make(Bad::DecodePanics)).await);
        assert!(matches!(make(Bad::DecodeFails).await, Err(CallError::Decode(_))));
        assert_eq!(make(Bad::DecodeCallsBack).await, Ok(Bad::DecodeCallsBack));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn errors() {
    beside_another_call(async |values| {
        let fail = |bad: Bad| values.fail(bad as u8);
        assert_eq!(remote_code(fail(Bad::EncodePanics).await), ErrorCode::Panicked);
        assert_eq!(remote_code(fail(Bad::DisplayPanics).await), ErrorCode::Panicked);
        assert!(panics(fail(Bad::DecodePanics)).await);
        // Without its msgpack the error arrives as its text.
        for bad in [Bad::EncodeFails, Bad::DecodeFails] {
            let Err(CallError::Remote(error)) = fail(bad).await else { panic!("{bad:?}") };
            assert_eq!((error.code, &*error.message), (ErrorCode::Handler, "a bad value"));
        }
        for bad in [Bad::EncodeCallsBack, Bad::DecodeCallsBack, Bad::DisplayCallsBack] {
            assert_eq!(fail(bad).await, Err(CallError::Handler(bad)));
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn items_of_a_handler() {
    beside_another_call(async |values| {
        for (bad, code) in
            [(Bad::EncodePanics, ErrorCode::Panicked), (Bad::EncodeFails, ErrorCode::Handler)]
        {
            let mut items = values.items(bad as u8).await.unwrap();
            assert_eq!(items.next().await, Some(Ok(Bad::Fine)));
            assert_eq!(remote_code(items.next().await.unwrap()), code, "{bad:?}");
            assert_eq!(items.next().await, None);
        }
        let mut items = values.items(Bad::DecodeFails as u8).await.unwrap();
        assert_eq!(items.next().await, Some(Ok(Bad::Fine)));
        assert!(matches!(items.next().await, Some(Err(CallError::Decode(_)))));
        assert_eq!(items.next().await, None);
        let mut items = values.items(Bad::DecodePanics as u8).await.unwrap();
        assert!(panics(async move { while items.next().await.is_some() {} }).await);
        for bad in [Bad::EncodeCallsBack, Bad::DecodeCallsBack] {
            let mut items = values.items(bad as u8).await.unwrap();
            for item in [Bad::Fine, bad, Bad::Fine] {
                assert_eq!(items.next().await, Some(Ok(item)));
            }
            assert_eq!(items.next().await, None);
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn items_of_a_caller() {
    beside_another_call(async |values| {
        let (mut input, reply) = values.input().await.unwrap();
        let encoding = catch_unwind(AssertUnwindSafe(|| drop(input.send(Bad::EncodePanics))));
        assert!(encoding.is_err(), "at the caller, where it is encoded");
        assert!(matches!(input.send(Bad::EncodeFails).await, Err(SendError::Encode(_))));
        for item in [Bad::EncodeCallsBack, Bad::DecodeCallsBack, Bad::Fine] {
            input.send(item).await.unwrap();
        }
        drop(input);
        assert_eq!(reply.await, Ok(1), "the stream was still usable");
        let (mut input, reply) = values.input().await.unwrap();
        input.send(Bad::DecodePanics).await.unwrap();
        assert_eq!(remote_code(reply.await), ErrorCode::Panicked);
        let (mut input, reply) = values.input().await.unwrap();
        input.send(Bad::DecodeFails).await.unwrap();
        let Err(CallError::Handler(error)) = reply.await else { panic!("another outcome") };
        assert!(error.message.contains("cannot decode an item of the input"), "{error}");
    })
    .await;
}

/// A caller decodes its answers and items in its own task.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_whose_decoding_blocks_delays_its_own_caller_only() {
    let (_network, nodes) = connected().await;
    let values = ValuesClient::new(nodes[0].connection(B).unwrap());
    let (release, gate) = channel();
    *GATE.lock().unwrap() = Some(gate);
    let blocked = tokio::spawn(values.make(Bad::DecodeBlocks as u8));
    while GATE.try_lock().is_ok() {
        tokio::task::yield_now().await;
    }
    for _ in 0..100 {
        assert_eq!(values.make(0).await, Ok(Bad::Fine));
    }
    assert!(!blocked.is_finished());
    release.send(()).unwrap();
    assert_eq!(blocked.await.unwrap(), Ok(Bad::DecodeBlocks));
}
