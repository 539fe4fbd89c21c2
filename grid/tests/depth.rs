//! Values that are nested too deep: the peer that sends one ends its own call with an error, and all else goes on.
//!
//! The hostile side serves or calls the same methods with [`Raw`] bytes. Debug builds, and threads with the 2 MiB of
//! stack that threads of tokio have, so that a stack overflow would abort the test.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod support;

use std::fmt;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use grid::{CallError, Closed, ErrorCode, Incoming, Outgoing, Raw, RemoteError, SendError};
use serde::{Deserialize, Serialize};
use support::serving;

const TOO_DEEP: &str = "nested deeper than 128 levels";

/// Far more than any stack can take.
const HOSTILE: usize = 100_000;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Tree {
    Leaf,
    Node(Box<Self>),
}

impl Tree {
    fn nested(levels: usize) -> Self {
        (0..levels).fold(Self::Leaf, |tree, _| Self::Node(Box::new(tree)))
    }
}

/// A tree that is deeper than any stack can take.
fn hostile_tree() -> Bytes {
    [b"\x81\xa4Node".repeat(HOSTILE), b"\xa4Leaf".to_vec()].concat().into()
}

/// A type that reads itself without reading any input.
#[derive(Debug, Serialize, Deserialize)]
struct Endless(Option<Box<Self>>);

/// An error with such a type in it.
#[derive(Debug, Serialize, Deserialize)]
struct Failed {
    cause: Endless,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it failed")
    }
}

impl From<Closed> for Failed {
    fn from(_: Closed) -> Self {
        Self { cause: Endless(None) }
    }
}

#[grid::service]
trait Forest {
    async fn grow(&self, tree: Tree) -> Tree;
    #[handler(compact)]
    async fn pack(&self, tree: Tree) -> Tree;
    async fn graft(&self, tree: Tree, onto: Tree) -> Tree;
    async fn json(&self, value: serde_json::Value) -> serde_json::Value;
    async fn endless(&self, value: Endless) -> Endless;
    async fn fell(&self) -> Result<(), Failed>;
    async fn walk(&self, top: Tree, levels: usize) -> impl Stream<Item = Tree>;
    async fn push(&self, levels: usize, out: Outgoing<Tree>) -> Result<(), Failed>;
    async fn plant(&self, input: Incoming<Tree>) -> Result<Tree, RemoteError>;
    async fn trade(&self, input: Incoming<Tree>, out: Outgoing<Tree>) -> Result<(), RemoteError>;
}

struct Honest;

impl Forest for Honest {
    async fn grow(&self, tree: Tree) -> Tree {
        Tree::Node(Box::new(tree))
    }

    async fn pack(&self, tree: Tree) -> Tree {
        Tree::Node(Box::new(tree))
    }

    async fn graft(&self, tree: Tree, _: Tree) -> Tree {
        tree
    }

    async fn json(&self, value: serde_json::Value) -> serde_json::Value {
        serde_json::json!([value])
    }

    async fn endless(&self, value: Endless) -> Endless {
        value
    }

    async fn fell(&self) -> Result<(), Failed> {
        Err(Failed { cause: Endless(None) })
    }

    async fn walk(&self, top: Tree, levels: usize) -> impl Stream<Item = Tree> {
        stream::iter([top, Tree::nested(levels), Tree::Leaf])
    }

    async fn push(&self, levels: usize, mut out: Outgoing<Tree>) -> Result<(), Failed> {
        out.send(Tree::Leaf).await?;
        out.send(Tree::nested(levels)).await?;
        Ok(())
    }

    async fn plant(&self, mut input: Incoming<Tree>) -> Result<Tree, RemoteError> {
        let mut last = Tree::Leaf;
        while let Some(tree) = input.next().await {
            last = tree?;
        }
        Ok(Tree::Node(Box::new(last)))
    }

    async fn trade(
        &self,
        mut input: Incoming<Tree>,
        mut out: Outgoing<Tree>,
    ) -> Result<(), RemoteError> {
        while let Some(tree) = input.next().await {
            out.send(tree?).await?;
        }
        Ok(())
    }
}

/// The same methods, for a peer that sends what it likes.
#[grid::service(name = "Forest")]
trait Wild {
    async fn grow(&self, tree: Raw) -> Raw;
    #[handler(compact)]
    async fn pack(&self, tree: Raw) -> Raw;
    async fn graft(&self, both: Raw) -> Raw;
    async fn json(&self, value: Raw) -> Raw;
    async fn endless(&self, value: Raw) -> Raw;
    async fn fell(&self) -> Result<(), Number>;
    async fn walk(&self, both: Raw, out: Outgoing<Raw>) -> Result<(), RemoteError>;
    async fn push(&self, levels: Raw, out: Outgoing<Raw>) -> Result<(), RemoteError>;
    async fn plant(&self, input: Incoming<Raw>) -> Raw;
    async fn trade(&self, input: Incoming<Raw>, out: Outgoing<Raw>) -> Result<(), RemoteError>;
}

/// The error whose body is not nil, which is all that [`Endless`] needs to recurse.
#[derive(Debug, Serialize, Deserialize)]
struct Number {
    cause: u8,
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it failed")
    }
}

struct Hostile;

impl Wild for Hostile {
    async fn grow(&self, _: Raw) -> Raw {
        hostile_tree().into()
    }

    async fn pack(&self, _: Raw) -> Raw {
        hostile_tree().into()
    }

    async fn graft(&self, _: Raw) -> Raw {
        hostile_tree().into()
    }

    async fn json(&self, _: Raw) -> Raw {
        vec![0x91; HOSTILE].into()
    }

    async fn endless(&self, _: Raw) -> Raw {
        vec![1].into()
    }

    async fn fell(&self) -> Result<(), Number> {
        Err(Number { cause: 1 })
    }

    async fn walk(&self, _: Raw, mut out: Outgoing<Raw>) -> Result<(), RemoteError> {
        Ok(out.send(hostile_tree().into()).await?)
    }

    async fn push(&self, _: Raw, mut out: Outgoing<Raw>) -> Result<(), RemoteError> {
        Ok(out.send(hostile_tree().into()).await?)
    }

    async fn plant(&self, _: Incoming<Raw>) -> Raw {
        hostile_tree().into()
    }

    async fn trade(&self, _: Incoming<Raw>, mut out: Outgoing<Raw>) -> Result<(), RemoteError> {
        Ok(out.send(hostile_tree().into()).await?)
    }
}

/// Asserts that the callee could not decode the request, and that it says which argument.
fn refused<T: fmt::Debug, E: fmt::Debug>(result: Result<T, CallError<E>>, argument: &str) {
    let expected = format!("cannot decode the request: argument `{argument}`: {TOO_DEEP}");
    match result {
        Err(CallError::Remote(error)) => {
            assert_eq!(error.code, ErrorCode::BadRequest);
            assert!(error.message.contains(&expected), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

/// Asserts that the caller could not decode what it received.
fn undecoded<T: fmt::Debug, E: fmt::Debug>(result: Result<T, CallError<E>>) {
    match result {
        Err(CallError::Decode(error)) => {
            assert!(error.to_string().contains(TOO_DEEP), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

/// Asserts that the caller could not encode what it wanted to send.
fn unencoded<T: fmt::Debug, E: fmt::Debug>(result: Result<T, CallError<E>>) {
    match result {
        Err(CallError::Encode(error)) => {
            assert!(error.to_string().contains(TOO_DEEP), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

fn is_remote_error(error: &impl fmt::Display, context: &str) -> bool {
    let text = error.to_string();
    text.contains(context) && text.contains(TOO_DEEP)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_requests_end_their_own_call_only() {
    let (connection, _nodes) = serving(ForestServer::new(Honest)).await;
    let honest = ForestClient::new(connection.clone());
    let wild = WildClient::new(connection.clone());
    let (mut kept, answers) = honest.trade().await.unwrap();

    refused(wild.grow(hostile_tree().into()).await, "tree");
    refused(wild.pack(hostile_tree().into()).await, "tree");
    let map = [b"\x82\xa4onto\xa4Leaf\xa4tree", &hostile_tree()[..]].concat();
    refused(wild.graft(map.into()).await, "tree");
    let array = [b"\x92\xa4Leaf", &hostile_tree()[..]].concat();
    refused(wild.graft(array.into()).await, "onto");
    refused(wild.json(vec![0x91; HOSTILE].into()).await, "value");
    refused(wild.json(b"\x81\xa1k".repeat(HOSTILE).into()).await, "value");
    refused(wild.endless(vec![1].into()).await, "value");
    // The arguments of streams.
    let map = [b"\x82\xa6levels\x01\xa3top", &hostile_tree()[..]].concat();
    let mut items = wild.walk(map.into()).await.unwrap();
    refused(items.next().await.unwrap(), "top");

    let (mut items, reply) = wild.plant().await.unwrap();
    items.send(hostile_tree().into()).await.unwrap();
    let error = reply.await.unwrap_err();
    assert!(is_remote_error(&error, "cannot decode an item of the input"), "{error}");
    let (mut items, mut echoed) = wild.trade().await.unwrap();
    items.send(hostile_tree().into()).await.unwrap();
    let error = echoed.next().await.unwrap().unwrap_err();
    assert!(is_remote_error(&error, "cannot decode an item of the input"), "{error}");

    // A stream of the same link, opened before, and a new call.
    kept.send(Tree::nested(100)).await.unwrap();
    drop(kept);
    let echoed: Vec<_> = answers.collect().await;
    assert_eq!(echoed, [Ok(Tree::nested(100))]);
    assert_eq!(honest.grow(Tree::nested(100)).await, Ok(Tree::nested(101)));
    assert!(connection.state().is_connected());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_answers_end_their_own_call_only() {
    let (connection, _nodes) = serving(WildServer::new(Hostile)).await;
    let honest = ForestClient::new(connection.clone());
    undecoded(honest.grow(Tree::Leaf).await);
    undecoded(honest.pack(Tree::Leaf).await);
    undecoded(honest.graft(Tree::Leaf, Tree::Leaf).await);
    undecoded(honest.json(7.into()).await);
    undecoded(honest.endless(Endless(None)).await);
    undecoded(honest.walk(Tree::Leaf, 1).await.unwrap().next().await.unwrap());
    undecoded(honest.push(1).await.unwrap().next().await.unwrap());
    let (items, reply) = honest.plant().await.unwrap();
    undecoded(reply.await);
    drop(items);
    let (items, mut answers) = honest.trade().await.unwrap();
    undecoded(answers.next().await.unwrap());
    drop(items);
    // The body of an error cannot be decoded: its text remains.
    let error = honest.fell().await.unwrap_err();
    assert!(matches!(&error, CallError::Remote(e) if e.message == "it failed"), "{error:?}");
    let wild = WildClient::new(connection);
    assert!(matches!(wild.fell().await, Err(CallError::Handler(Number { cause: 1 }))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_that_are_too_deep_fail_where_they_are_sent() {
    let (connection, _nodes) = serving(ForestServer::new(Honest)).await;
    for client in [ForestClient::new(connection), ForestClient::in_process(Honest)] {
        assert_eq!(client.grow(Tree::nested(127)).await, Ok(Tree::nested(128)));
        assert_eq!(client.pack(Tree::nested(127)).await, Ok(Tree::nested(128)));
        unencoded(client.grow(Tree::nested(129)).await);
        unencoded(client.pack(Tree::nested(129)).await);
        unencoded(client.graft(Tree::Leaf, Tree::nested(129)).await);
        let error = client.graft(Tree::Leaf, Tree::nested(129)).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(": argument `onto`: ") && text.contains("flat list"), "{text}");

        let answer =
            |method: &str| format!("cannot encode the answer of Forest/{method}: {TOO_DEEP}");
        for (method, error) in [
            ("grow", client.grow(Tree::nested(128)).await.unwrap_err().to_string()),
            ("pack", client.pack(Tree::nested(128)).await.unwrap_err().to_string()),
        ] {
            assert!(error.contains(&answer(method)), "{error}");
        }
        let walked: Vec<_> = client.walk(Tree::Leaf, 129).await.unwrap().collect().await;
        let pushed: Vec<_> = client.push(129).await.unwrap().collect().await;
        assert_eq!((walked.len(), walked[0].as_ref()), (2, Ok(&Tree::Leaf)));
        assert!(
            walked[1].as_ref().unwrap_err().to_string().contains(&answer("walk")),
            "{walked:?}"
        );
        assert!(matches!(&pushed[..], [Ok(Tree::Leaf), Err(_)]), "{pushed:?}");
        assert!(
            pushed[1].as_ref().unwrap_err().to_string().contains(&answer("push")),
            "{pushed:?}"
        );

        let (mut items, reply) = client.plant().await.unwrap();
        let error = items.send(Tree::nested(129)).await.unwrap_err();
        assert!(
            matches!(&error, SendError::Encode(e) if e.to_string().contains(TOO_DEEP)),
            "{error:?}"
        );
        items.send(Tree::nested(100)).await.unwrap();
        drop(items);
        assert_eq!(reply.await, Ok(Tree::nested(101)));
        let (mut items, reply) = client.plant().await.unwrap();
        items.send(Tree::nested(128)).await.unwrap();
        drop(items);
        let error = reply.await.unwrap_err().to_string();
        assert!(error.contains(&answer("plant")), "{error}");
    }
}
