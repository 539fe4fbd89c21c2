//! The functions that every client has: clients from contexts, their connections, and metadata for all calls.

use std::time::Duration;

use grid::{Context, Incoming, Manager, Outgoing, RemoteError, TraceContext};
use serde::{Deserialize, Serialize};

use crate::place::{Place, everywhere};
use crate::support::{A, B, Network};

everywhere!(every_call_carries_the_metadata, the_latest_value_counts, a_service_calls_its_own_node);

/// What a handler sees of its call.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Seen {
    node: String,
    peer: String,
    time_left: Option<Duration>,
    traced: bool,
    user: Option<String>,
}

#[grid::service]
trait Notes {
    async fn value(&self, cx: &Context, key: String) -> Option<String>;
    async fn push(&self, cx: &Context, out: Outgoing<Option<String>>) -> Result<(), RemoteError>;
    async fn pull(&self, cx: &Context, input: Incoming<u8>) -> Option<String>;
    async fn both(
        &self,
        cx: &Context,
        input: Incoming<u8>,
        out: Outgoing<Option<String>>,
    ) -> Result<(), RemoteError>;
    async fn see(&self, cx: &Context) -> Seen;
    async fn ask(&self, cx: &Context, node: String, within: bool) -> Result<Seen, RemoteError>;
    async fn ask_caller(&self, cx: &Context) -> Result<Seen, RemoteError>;
}

struct Node;

fn value(cx: &Context, key: &str) -> Option<String> {
    cx.metadata(key).map(|value| String::from_utf8_lossy(value).into_owned())
}

impl Notes for Node {
    async fn value(&self, cx: &Context, key: String) -> Option<String> {
        value(cx, &key)
    }

    async fn push(
        &self,
        cx: &Context,
        mut out: Outgoing<Option<String>>,
    ) -> Result<(), RemoteError> {
        out.send(value(cx, "user")).await?;
        Ok(())
    }

    async fn pull(&self, cx: &Context, _: Incoming<u8>) -> Option<String> {
        value(cx, "user")
    }

    async fn both(
        &self,
        cx: &Context,
        _: Incoming<u8>,
        mut out: Outgoing<Option<String>>,
    ) -> Result<(), RemoteError> {
        out.send(value(cx, "user")).await?;
        Ok(())
    }

    async fn see(&self, cx: &Context) -> Seen {
        Seen {
            node: cx.local().to_owned(),
            peer: cx.peer().to_owned(),
            time_left: cx.time_left(),
            traced: cx.trace().is_some(),
            user: value(cx, "user"),
        }
    }

    async fn ask(&self, cx: &Context, node: String, within: bool) -> Result<Seen, RemoteError> {
        let call = NotesClient::of(cx, &node)?.see();
        Ok(if within { call.within(cx) } else { call }.await?)
    }

    async fn ask_caller(&self, cx: &Context) -> Result<Seen, RemoteError> {
        Ok(NotesClient::new(cx.caller()).see().await?)
    }
}

async fn every_call_carries_the_metadata(place: Place) {
    let notes = place.serve(NotesServer::new(Node), NotesClient::new).await;
    let ann = Some("ann".to_owned());
    let client = notes.with_metadata("user", "ann").with_metadata("other", vec![b'x']);
    assert_eq!(client.value("user".into()).await, Ok(ann.clone()));
    assert_eq!(client.clone().value("other".into()).await, Ok(Some("x".into())));
    assert_eq!(client.push().await.unwrap().next().await, Some(Ok(ann.clone())));
    let (_input, answer) = client.pull().await.unwrap();
    assert_eq!(answer.await, Ok(ann.clone()));
    let (_input, mut output) = client.both().await.unwrap();
    assert_eq!(output.next().await, Some(Ok(ann)));
    assert_eq!(notes.value("user".into()).await, Ok(None), "the first client is as it was");
}

async fn the_latest_value_counts(place: Place) {
    let notes = place.serve(NotesServer::new(Node), NotesClient::new).await;
    let key = || "user".to_owned();
    let ann = notes.with_metadata("user", "ann");
    let bob = ann.with_metadata("user", "bob");
    assert_eq!(ann.value(key()).await, Ok(Some("ann".into())));
    assert_eq!(bob.value(key()).await, Ok(Some("bob".into())));
    assert_eq!(bob.value(key()).metadata("user", "eve").await, Ok(Some("eve".into())));
    let twice = notes.value(key()).metadata("user", "ann").metadata("user", "bob");
    assert_eq!(twice.await, Ok(Some("bob".into())));
    assert_eq!(bob.value("x".into()).metadata("x", "y").await, Ok(Some("y".into())));
}

async fn a_service_calls_its_own_node(place: Place) {
    let notes = place.serve(NotesServer::new(Node), NotesClient::new).await;
    let own = notes.connection().peer().to_owned();
    let seen = notes.ask(own.clone(), false).await.unwrap();
    assert_eq!((seen.node, seen.peer), (own.clone(), own.clone()));
    if place != Place::Remote {
        assert_eq!(notes.ask_caller().await.unwrap().node, own);
    }
}

#[tokio::test(start_paused = true)]
async fn connections_keep_subroute_and_metadata() {
    let server = NotesServer::new(Node).subroute("a/b");
    let notes = Place::Remote.serve(server, |connection| connection).await;
    let first = NotesClient::new(notes.with_metadata("user", "ann")).subroute("a").subroute("b");
    let second = NotesClient::new(notes.subroute("a").subroute("b")).with_metadata("user", "ann");
    for client in [first, second] {
        assert_eq!(client.connection().peer(), B);
        let again = NotesClient::new(client.connection().clone());
        assert_eq!(again.value("user".into()).await, Ok(Some("ann".into())));
    }
}

/// Two nodes that serve the notes.
async fn two() -> (Network, [Manager; 2], NotesClient) {
    let network = Network::default();
    let nodes = [A, B].map(|name| {
        let node = network.node(name, &[A, B]).service(NotesServer::new(Node)).build().unwrap();
        network.attach(&node);
        node
    });
    let connection = nodes[0].connection(B).unwrap();
    connection.wait_connected(Duration::from_secs(5)).await.unwrap();
    (network, nodes, NotesClient::new(connection))
}

#[tokio::test(start_paused = true)]
async fn clients_of_a_context_inherit_only_what_they_are_told() {
    let (_network, _nodes, notes) = two().await;
    let trace = TraceContext { version: 0, trace_id: [1; 16], parent_id: [2; 8], flags: 1 };
    let timeout = Duration::from_secs(5);
    for node in [A, B] {
        for within in [true, false] {
            let call = notes.ask(node.to_owned(), within).metadata("user", "ann");
            let seen = call.trace(trace).timeout(timeout).await.unwrap();
            let time_left = Some(if within { timeout } else { Duration::from_secs(60) });
            let (node, peer) = (node.to_owned(), B.to_owned());
            assert_eq!(seen, Seen { node, peer, time_left, traced: within, user: None });
        }
    }
    let seen = notes.ask_caller().metadata("user", "ann").timeout(timeout).await.unwrap();
    assert_eq!((&*seen.node, &*seen.peer, seen.user), (A, B, None));
}

#[tokio::test(start_paused = true)]
async fn a_client_of_an_unknown_node_is_an_error() {
    let (_network, _nodes, notes) = two().await;
    let error = notes.ask("http://b:2".to_owned(), false).await.unwrap_err();
    assert!(error.to_string().starts_with("http://b:2 is not in the host list of"), "{error}");
}
