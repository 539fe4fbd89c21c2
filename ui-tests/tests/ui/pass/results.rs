//! Every type named `Result` is treated as one, including aliases.
#![deny(warnings)]

use std::convert::Infallible;

use futures_util::{Stream, StreamExt as _, stream};
use grid::{BoxStream, CallError, RemoteError};

type Result<T, E = RemoteError> = std::result::Result<T, E>;

mod errors {
    pub type Result<T> = std::result::Result<T, grid::RemoteError>;
}

#[grid::service]
trait Mixed {
    async fn full(&self) -> std::result::Result<u8, RemoteError>;
    async fn short(&self) -> Result<u8>;
    async fn far(&self) -> errors::Result<u8>;
    async fn never(&self) -> Result<u8, Infallible>;
    async fn plain(&self) -> u8;
    async fn unit(&self) -> Result<()>;
    async fn stream(&self) -> Result<impl Stream<Item = errors::Result<u8>>>;
    async fn boxed(&self) -> errors::Result<BoxStream<u8>>;
    async fn items(&self) -> BoxStream<Result<u8>>;
    async fn borrowed(&self) -> Result<futures_util::stream::BoxStream<'_, u8>>;
    fn by_hand(&self) -> impl Future<Output = Result<u8>> + Send;
    fn without_send(&self) -> impl std::future::Future<Output = u8>;
}

struct Node(Vec<u8>);

impl Mixed for Node {
    async fn full(&self) -> Result<u8> {
        Ok(1)
    }
    async fn short(&self) -> Result<u8> {
        Err(RemoteError::new("short"))
    }
    async fn far(&self) -> Result<u8> {
        Ok(3)
    }
    async fn never(&self) -> Result<u8, Infallible> {
        Ok(4)
    }
    async fn plain(&self) -> u8 {
        5
    }
    async fn unit(&self) -> Result<()> {
        Ok(())
    }
    async fn stream(&self) -> Result<impl Stream<Item = Result<u8>>> {
        Ok(stream::iter(&self.0).map(|item| Ok(*item)))
    }
    async fn boxed(&self) -> Result<BoxStream<u8>> {
        Ok(stream::iter([1]).boxed())
    }
    async fn items(&self) -> BoxStream<Result<u8>> {
        stream::iter([Ok(1), Err(RemoteError::new("two"))]).boxed()
    }
    async fn borrowed(&self) -> Result<futures_util::stream::BoxStream<'_, u8>> {
        Ok(stream::iter(&self.0).map(|item| *item).boxed())
    }
    async fn by_hand(&self) -> Result<u8> {
        Ok(6)
    }
    async fn without_send(&self) -> u8 {
        7
    }
}

#[tokio::main]
async fn main() {
    let mixed = MixedClient::in_process(Node(vec![8, 9]));
    assert_eq!(mixed.full().await.unwrap(), 1);
    let error: CallError<RemoteError> = mixed.short().await.unwrap_err();
    assert_eq!(error.to_string(), "short");
    assert_eq!(mixed.far().await.unwrap(), 3);
    let never: std::result::Result<u8, CallError<Infallible>> = mixed.never().await;
    assert_eq!(never.unwrap(), 4);
    mixed.unit().await.unwrap();
    let items: Vec<u8> = mixed.stream().await.unwrap().map(|item| item.unwrap()).collect().await;
    assert_eq!(items, [8, 9]);
    let items: Vec<u8> = mixed.borrowed().await.unwrap().map(|item| item.unwrap()).collect().await;
    assert_eq!(items, [8, 9]);
    let items: Vec<_> = mixed.items().await.unwrap().collect().await;
    assert_eq!(items, [Ok(1), Err(CallError::Handler(RemoteError::new("two")))]);
    assert_eq!(mixed.by_hand().await.unwrap(), 6);
    assert_eq!(mixed.without_send().await.unwrap(), 7);
}
