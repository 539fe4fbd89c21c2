//! Errors that handlers return, with every code: a caller never takes the statement of a third node for one of the node
//! that it has called.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use grid::{CallError, Capacities, Connection, ErrorCode, Incoming, Outgoing, RemoteError};

use crate::support::{A, B, pair};

const CODES: &[ErrorCode] = &[
    ErrorCode::Handler,
    ErrorCode::UnknownHandler,
    ErrorCode::Panicked,
    ErrorCode::BadRequest,
    ErrorCode::DeadlineExceeded,
    ErrorCode::Overloaded,
    ErrorCode::NotPermitted,
    ErrorCode::ShuttingDown,
    ErrorCode::Text,
    ErrorCode::Other(900),
];

const STREAM: Capacities = Capacities { incoming: 0, outgoing: 1 };

fn error(code: usize) -> RemoteError {
    let mut error = RemoteError::new("the text");
    error.code = CODES[code];
    error
}

fn code_in(payload: Option<bytes::Bytes>) -> usize {
    payload.unwrap()[0].into()
}

fn check(error: &CallError, sent: ErrorCode, extensions: &[&str]) {
    let CallError::Remote(RemoteError { code, message, .. }) = error else { panic!("{error:?}") };
    let wanted = match sent {
        _ if extensions.is_empty() => ErrorCode::Text,
        ErrorCode::Text => ErrorCode::Text,
        _ => ErrorCode::Handler,
    };
    assert_eq!(*code, wanted, "sent {sent:?}");
    assert!(message.contains("the text"), "{message}");
    assert!(error.may_have_run() && !error.is_retryable(), "sent {sent:?}");
    if !matches!(sent, ErrorCode::Handler | ErrorCode::Text) {
        assert_eq!(*message, format!("the handler passed on an error ({sent}): the text"));
    }
}

#[tokio::test(start_paused = true)]
async fn raw_handlers_cannot_speak_for_their_node() {
    for extensions in [&["ids32", "meta", "cancel", "credits", "chunks"][..], &[]] {
        let (_network, a, _b) = pair(|builder| {
            builder
                .extensions(extensions.iter().copied())
                .single_handler(1, None, |_cx, payload| async { Err(error(code_in(payload))) })
                .stream_handler(2, None, STREAM, |_cx, payload, _, _| async {
                    Err(error(code_in(payload)))
                })
        })
        .await;
        let connection = a.connection(B).unwrap();
        for (index, code) in CODES.iter().enumerate() {
            let payload = Some(vec![index as u8].into());
            let single = connection.request(1, payload.clone()).await.unwrap_err();
            check(&single, *code, extensions);
            let (_input, mut output) = connection.stream(2, STREAM, payload).await.unwrap();
            check(&output.next().await.unwrap().unwrap_err(), *code, extensions);
        }
    }
}

#[grid::service]
trait Fails {
    async fn single(&self, code: usize) -> Result<u8, RemoteError>;
    async fn pushed(&self, code: usize, out: Outgoing<u8>) -> Result<(), RemoteError>;
    async fn input(&self, code: usize, input: Incoming<u8>) -> Result<u8, RemoteError>;
    #[handler(blocking)]
    fn plain(&self, code: usize) -> Result<u8, RemoteError>;
}

struct Node;

impl Fails for Node {
    async fn single(&self, code: usize) -> Result<u8, RemoteError> {
        Err(error(code))
    }

    async fn pushed(&self, code: usize, _: Outgoing<u8>) -> Result<(), RemoteError> {
        Err(error(code))
    }

    async fn input(&self, code: usize, _: Incoming<u8>) -> Result<u8, RemoteError> {
        Err(error(code))
    }

    fn plain(&self, code: usize) -> Result<u8, RemoteError> {
        Err(error(code))
    }
}

#[tokio::test(start_paused = true)]
async fn errors_of_typed_handlers_arrive_as_errors_of_the_handler() {
    let (_network, a, _b) = pair(|builder| builder.service(FailsServer::new(Node))).await;
    let fails = FailsClient::new(a.connection(B).unwrap());
    for code in 0..CODES.len() {
        let sent = error(code);
        let (_input, reply) = fails.input(code).await.unwrap();
        for received in [
            fails.single(code).await.unwrap_err(),
            fails.pushed(code).await.unwrap().next().await.unwrap().unwrap_err(),
            reply.await.unwrap_err(),
            fails.plain(code).await.unwrap_err(),
        ] {
            assert!(received.may_have_run() && !received.is_retryable(), "{received:?}");
            assert_eq!(received, CallError::Handler(sent.clone()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_handler_of_a_third_node_is_not_one_of_the_callee() {
    let ran = Arc::new(AtomicUsize::new(0));
    let back = Arc::new(OnceLock::<Connection>::new());
    let (_network, a, b) = pair(|builder| {
        let (ran, back) = (Arc::clone(&ran), Arc::clone(&back));
        builder.single_handler(1, None, move |_cx, _| {
            ran.fetch_add(1, Ordering::Relaxed);
            let back = back.get().unwrap().clone();
            async move { Ok(back.request(77, None).await?) }
        })
    })
    .await;
    back.set(b.connection(A).unwrap()).unwrap();
    let connection = a.connection(B).unwrap();
    let error = connection.request(1, None).await.unwrap_err();
    assert_eq!(ran.load(Ordering::Relaxed), 1);
    assert!(error.may_have_run(), "{error:?}");
    assert!(error.to_string().contains("id 77 is not registered"), "{error}");
    // The same statement of the callee itself.
    let unknown = connection.request(77, None).await.unwrap_err();
    assert!(!unknown.may_have_run(), "{unknown:?}");
}
