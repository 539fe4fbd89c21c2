//! Values that cannot be encoded: the other end receives an error, and other calls are not affected.

use futures_util::{StreamExt as _, stream};
use grid::{CallError, Incoming, Outgoing, RemoteError, Stream};
use serde::{Deserialize, Serialize};

/// A type that cannot always be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
struct Picky(bool);

impl Serialize for Picky {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 {
            serializer.serialize_bool(true)
        } else {
            Err(serde::ser::Error::custom("too picky"))
        }
    }
}

#[grid::service]
trait Picking {
    async fn one(&self, picky: Picky) -> Picky;
    async fn not(&self) -> Picky;
    async fn push(&self, out: Outgoing<Picky>) -> Result<(), RemoteError>;
    async fn pull(&self) -> impl Stream<Item = Picky>;
    async fn take(&self, input: Incoming<Picky>) -> u32;
}

struct Picker;

impl Picking for Picker {
    async fn one(&self, picky: Picky) -> Picky {
        picky
    }

    async fn not(&self) -> Picky {
        Picky(false)
    }

    async fn push(&self, mut out: Outgoing<Picky>) -> Result<(), RemoteError> {
        out.send(Picky(true)).await?;
        assert!(out.send(Picky(false)).await.is_err());
        assert!(out.is_closed());
        out.send(Picky(true)).await?;
        Ok(())
    }

    async fn pull(&self) -> impl Stream<Item = Picky> {
        stream::iter([Picky(true), Picky(false), Picky(true)])
    }

    async fn take(&self, mut input: Incoming<Picky>) -> u32 {
        let mut count = 0;
        while let Some(Ok(_)) = input.next().await {
            count += 1;
        }
        count
    }
}

#[tokio::test]
async fn the_caller_is_notified_of_values_that_cannot_be_encoded() {
    let picking = PickingClient::in_process(Picker);
    picking.one(Picky(true)).await.unwrap();
    let error = picking.one(Picky(false)).await.unwrap_err();
    assert!(matches!(error, CallError::Encode(_)), "{error:?}");
    let told =
        |error: &str| assert!(error.contains("cannot encode the answer of Picking/"), "{error}");
    told(&picking.not().await.unwrap_err().to_string());
    let items: Vec<_> = picking.push().await.unwrap().collect().await;
    assert_eq!((items.len(), &items[0]), (2, &Ok(Picky(true))));
    told(&items[1].as_ref().unwrap_err().to_string());
    let items: Vec<_> = picking.pull().await.unwrap().collect().await;
    assert_eq!((items.len(), &items[0]), (2, &Ok(Picky(true))));
    told(&items[1].as_ref().unwrap_err().to_string());

    let (mut picks, count) = picking.take().await.unwrap();
    picks.send(Picky(true)).await.unwrap();
    let error = picks.send(Picky(false)).await.unwrap_err();
    assert!(matches!(error, grid::SendError::Encode(_)), "{error:?}");
    picks.send(Picky(true)).await.unwrap();
    drop(picks);
    assert_eq!(count.await.unwrap(), 2);
}
