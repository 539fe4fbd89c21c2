//! The errors of streams as a part of a user's error: `?` in handlers, on the wire, and in later versions.

use grid::{CallError, Closed, CodecError, Context, Incoming, InputError, Outgoing, SendError};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::place::{Place, everywhere};

everywhere!(input_that_cannot_be_decoded, input_that_breaks_off, every_error_arrives);

#[derive(Debug, Clone, PartialEq, thiserror::Error, Serialize, Deserialize)]
enum RelayError {
    #[error(transparent)]
    Input(#[from] InputError),
    #[error(transparent)]
    Left(#[from] Closed),
    #[error(transparent)]
    Next(#[from] SendError),
    #[error("the next node: {0}")]
    Call(String),
}

/// The same with the tag inside the map.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    Input(InputError),
    Left(Closed),
    Next(SendError),
}

#[grid::service]
trait Relay {
    async fn sum(&self, numbers: Incoming<u64>) -> Result<u64, RelayError>;
    async fn double(&self, numbers: Incoming<u64>, out: Outgoing<u64>) -> Result<(), RelayError>;
    async fn broken(&self, cx: &Context) -> Result<u64, RelayError>;
    async fn fail(&self, error: RelayError) -> Result<(), RelayError>;
    async fn tagged(&self, value: Tagged) -> Option<Tagged>;
    #[handler(compact)]
    async fn compact(&self, value: RelayError) -> Option<RelayError>;
}

/// A caller that has the items' type wrong.
#[grid::service(name = "Relay")]
trait Wrong {
    async fn sum(&self, numbers: Incoming<String>) -> Result<u64, RelayError>;
    async fn double(&self, numbers: Incoming<String>, out: Outgoing<u64>)
    -> Result<(), RelayError>;
}

struct Node;

impl Relay for Node {
    async fn sum(&self, mut numbers: Incoming<u64>) -> Result<u64, RelayError> {
        let mut sum = 0;
        while let Some(number) = numbers.next().await {
            sum += number?;
        }
        Ok(sum)
    }

    async fn double(
        &self,
        mut numbers: Incoming<u64>,
        mut out: Outgoing<u64>,
    ) -> Result<(), RelayError> {
        while let Some(number) = numbers.next().await {
            out.send(2 * number?).await?;
        }
        Ok(())
    }

    /// Sends to a handler that has returned.
    async fn broken(&self, cx: &Context) -> Result<u64, RelayError> {
        let itself = cx.connection(cx.local()).map_err(|error| call(&error))?;
        let (mut numbers, sum) =
            WrongClient::new(itself).sum().await.map_err(|error| call(&error))?;
        numbers.send("not a number".into()).await?;
        let _ = sum.await;
        numbers.send("too late".into()).await?;
        Ok(0)
    }

    async fn fail(&self, error: RelayError) -> Result<(), RelayError> {
        Err(error)
    }

    async fn tagged(&self, value: Tagged) -> Option<Tagged> {
        Some(value)
    }

    async fn compact(&self, value: RelayError) -> Option<RelayError> {
        Some(value)
    }
}

fn call(error: &dyn std::error::Error) -> RelayError {
    RelayError::Call(error.to_string())
}

/// A [`Closed`], of which no user makes one.
fn closed() -> Closed {
    serde_json::from_value(json!({})).unwrap()
}

fn codec() -> CodecError {
    CodecError::new("cannot")
}

fn remote(text: &str) -> InputError {
    InputError::BrokenOff(CallError::Remote(grid::RemoteError::new(text)))
}

async fn input_that_cannot_be_decoded(place: Place) {
    let wrong = place.serve(RelayServer::new(Node), WrongClient::new).await;
    let (mut numbers, sum) = wrong.sum().await.unwrap();
    numbers.send("one".into()).await.unwrap();
    let Err(CallError::Handler(RelayError::Input(InputError::Decode(error)))) = sum.await else {
        panic!("the item was decoded");
    };
    assert!(error.to_string().contains("marker"), "{error}");

    let (mut numbers, mut doubled) = wrong.double().await.unwrap();
    numbers.send("one".into()).await.unwrap();
    let same = Err(CallError::Handler(RelayError::Input(InputError::Decode(error))));
    assert_eq!(doubled.next().await, Some(same));
    assert_eq!(doubled.next().await, None);
}

async fn input_that_breaks_off(place: Place) {
    let relay = place.serve(RelayServer::new(Node), RelayClient::new).await;
    let error = CallError::Handler(RelayError::Next(SendError::Closed(closed())));
    assert_eq!(relay.broken().await, Err(error));

    let sent = RelayError::Input(InputError::BrokenOff(CallError::ShutDown));
    let arrived = relay.fail(sent.clone()).await.unwrap_err();
    assert_eq!(arrived.to_string(), sent.to_string());
    let as_text = RelayError::Input(remote("this node is shut down"));
    assert_eq!(arrived, CallError::Handler(as_text));
    assert!(!arrived.is_retryable());
}

async fn every_error_arrives(place: Place) {
    let relay = place.serve(RelayServer::new(Node), RelayClient::new).await;
    let errors = [
        RelayError::Left(closed()),
        RelayError::Input(InputError::Decode(codec())),
        RelayError::Input(remote("gone")),
        RelayError::Next(SendError::Closed(closed())),
        RelayError::Next(SendError::Encode(codec())),
    ];
    for error in errors {
        assert_eq!(relay.fail(error.clone()).await, Err(CallError::Handler(error.clone())));
        assert_eq!(relay.compact(error.clone()).await, Ok(Some(error)));
    }
    let tagged = [
        Tagged::Left(closed()),
        Tagged::Input(remote("gone")),
        Tagged::Next(SendError::Encode(codec())),
    ];
    for value in tagged {
        assert_eq!(relay.tagged(value.clone()).await, Ok(Some(value)));
    }
}

#[test]
fn the_forms_are_stable() {
    let forms = [
        (json!(closed()), json!({})),
        (json!(InputError::Decode(codec())), json!({ "what": "Decode", "text": "cannot" })),
        (json!(remote("gone")), json!({ "what": "BrokenOff", "text": "gone" })),
        (json!(SendError::Encode(codec())), json!({ "what": "Encode", "text": "cannot" })),
        (
            json!(SendError::Closed(closed())),
            json!({ "what": "Closed", "text": "the other end no longer reads the stream" }),
        ),
    ];
    for (form, expected) in forms {
        assert_eq!(form, expected);
    }
}

#[test]
fn fields_and_variants_of_later_versions_are_read() {
    assert_eq!(serde_json::from_value::<Closed>(json!({ "why": 1 })).unwrap(), closed());
    let later = json!({ "what": "Later", "text": "new", "more": [1] });
    assert_eq!(serde_json::from_value::<InputError>(later.clone()).unwrap(), remote("new"));
    let encode = SendError::Encode(CodecError::new("new"));
    assert_eq!(serde_json::from_value::<SendError>(later).unwrap(), encode);
}
