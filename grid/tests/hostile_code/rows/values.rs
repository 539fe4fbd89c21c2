//! Values, where the library encodes, decodes or displays them: arguments, answers, items and errors.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex};

use grid::{CallError, ErrorCode, Incoming, Outgoing, RemoteError};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::hostile::Hostile;
use crate::neighbours::Links;
use crate::row::row;

/// Where a value runs the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum At {
    Encoding,
    Decoding,
    Display,
    Nowhere,
}

/// A value that runs the code of this number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Value(At, u64);

static CODE: LazyLock<Mutex<HashMap<u64, Hostile>>> = LazyLock::new(Mutex::default);

impl Value {
    /// A number for this code.
    fn number(hostile: &Hostile) -> u64 {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        CODE.lock().unwrap().insert(number, hostile.clone());
        number
    }

    fn run(&self, at: At) {
        if self.0 == at {
            let hostile = CODE.lock().unwrap()[&self.1].clone();
            hostile.run();
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.run(At::Encoding);
        (self.0, self.1).serialize(to)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (at, number) = Deserialize::deserialize(from)?;
        let value = Self(at, number);
        value.run(At::Decoding);
        Ok(value)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.run(At::Display);
        f.write_str("a value")
    }
}

#[grid::service]
trait Values {
    async fn take(&self, value: Value);
    async fn make(&self, at: At, number: u64) -> Value;
    async fn fail(&self, at: At, number: u64) -> Result<u8, Value>;
    async fn items(&self, at: At, number: u64, out: Outgoing<Value>);
    async fn input(&self, input: Incoming<Value>) -> Result<u8, RemoteError>;
    #[handler(blocking)]
    fn plain(&self, value: Value) -> Value;
}

struct Node;

impl Values for Node {
    async fn take(&self, _: Value) {}

    async fn make(&self, at: At, number: u64) -> Value {
        Value(at, number)
    }

    async fn fail(&self, at: At, number: u64) -> Result<u8, Value> {
        Err(Value(at, number))
    }

    async fn items(&self, at: At, number: u64, mut out: Outgoing<Value>) {
        for at in [At::Nowhere, at] {
            let _ = out.send(Value(at, number)).await;
        }
    }

    async fn input(&self, mut input: Incoming<Value>) -> Result<u8, RemoteError> {
        let mut items = 0;
        while let Some(item) = input.next().await {
            item?;
            items += 1;
        }
        Ok(items)
    }

    fn plain(&self, value: Value) -> Value {
        value
    }
}

/// How a call with a bad value has ended.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Right,
    /// Its caller received [`ErrorCode::Panicked`].
    PanickedThere,
    /// The panic was one of the caller's own task.
    PanickedHere,
}

/// What the call of this future comes to, in a task of its own.
async fn outcome<T: Send + 'static, E: fmt::Debug + Send + 'static>(
    call: impl Future<Output = Result<T, CallError<E>>> + Send + 'static,
) -> Ended {
    match tokio::spawn(call).await {
        Ok(Ok(_)) => Ended::Right,
        Ok(Err(CallError::Remote(RemoteError { code: ErrorCode::Panicked, .. }))) => {
            Ended::PanickedThere
        }
        Ok(Err(other)) => panic!("{other:?}"),
        Err(_) => Ended::PanickedHere,
    }
}

/// Runs a row with a call that ends so if the code panics, and right if it does not.
fn values<F>(if_panics: Ended, call: impl Fn(ValuesClient, u64) -> F + Copy + Send + Sync + 'static)
where
    F: Future<Output = Ended> + Send + 'static,
{
    let if_panics = std::sync::Arc::new(if_panics);
    row(
        |builder, _| builder.service(ValuesServer::new(Node)),
        move |links: Links, hostile: Hostile| {
            let if_panics = std::sync::Arc::clone(&if_panics);
            async move {
                hostile.arm();
                let number = Value::number(&hostile);
                for connection in links.all() {
                    let ended = call(ValuesClient::new(connection.clone()), number).await;
                    match hostile.panics() {
                        true => assert_eq!(ended, *if_panics),
                        false => assert_eq!(ended, Ended::Right),
                    }
                }
            }
        },
    );
}

#[test]
fn arguments_that_are_encoded() {
    values(Ended::PanickedHere, |values, number| {
        outcome(async move { values.take(Value(At::Encoding, number)).await })
    });
}

#[test]
fn arguments_that_are_decoded() {
    values(Ended::PanickedThere, |values, number| {
        outcome(values.take(Value(At::Decoding, number)))
    });
}

#[test]
fn answers_that_are_encoded() {
    values(Ended::PanickedThere, |values, number| outcome(values.make(At::Encoding, number)));
}

#[test]
fn answers_that_are_decoded() {
    values(Ended::PanickedHere, |values, number| outcome(values.make(At::Decoding, number)));
}

#[test]
fn values_of_plain_functions_that_are_decoded() {
    values(Ended::PanickedThere, |values, number| {
        outcome(async move {
            let decoded = values.plain(Value(At::Decoding, number));
            // The caller decodes the same value in the answer.
            decoded.await.map(drop)
        })
    });
}

/// The error of a handler is the value that was expected.
async fn failure(values: ValuesClient, at: At, number: u64) -> Ended {
    outcome(async move {
        match values.fail(at, number).await {
            Err(CallError::Handler(error)) if error == Value(at, number) => Ok(()),
            other => other.map(drop),
        }
    })
    .await
}

#[test]
fn errors_that_are_encoded() {
    values(Ended::PanickedThere, |values, number| failure(values, At::Encoding, number));
}

#[test]
fn errors_that_are_displayed() {
    values(Ended::PanickedThere, |values, number| failure(values, At::Display, number));
}

#[test]
fn errors_that_are_decoded() {
    values(Ended::PanickedHere, |values, number| failure(values, At::Decoding, number));
}

async fn read(values: ValuesClient, at: At, number: u64) -> Ended {
    outcome(async move {
        let mut items = values.items(at, number).await?;
        while let Some(item) = items.next().await {
            item?;
        }
        Ok(())
    })
    .await
}

#[test]
fn items_that_a_handler_encodes() {
    values(Ended::PanickedThere, |values, number| read(values, At::Encoding, number));
}

#[test]
fn items_that_a_caller_decodes() {
    values(Ended::PanickedHere, |values, number| read(values, At::Decoding, number));
}

async fn write(values: ValuesClient, at: At, number: u64) -> Ended {
    outcome(async move {
        let (mut input, reply) = values.input().await?;
        let _ = input.send(Value(at, number)).await;
        drop(input);
        reply.await
    })
    .await
}

#[test]
fn items_that_a_caller_encodes() {
    values(Ended::PanickedHere, |values, number| write(values, At::Encoding, number));
}

#[test]
fn items_that_a_handler_decodes() {
    values(Ended::PanickedThere, |values, number| write(values, At::Decoding, number));
}
