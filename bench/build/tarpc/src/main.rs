//! A key-value service with tarpc, for `grid-bench build`; see `bench/README.md`.
//!
//! `main` calls everything, so that the linker drops nothing which a user of the service would need.

#[path = "../../store.rs"]
#[expect(dead_code, reason = "tarpc has no streams")]
mod store;

use std::error::Error;

use bytes::Bytes;
use futures_util::StreamExt as _;
use tarpc::client;
use tarpc::context::{self, Context};
use tarpc::serde_transport::tcp;
use tarpc::server::{BaseChannel, Channel as _};
use tarpc::tokio_serde::formats::Bincode;

use crate::store::Store;

#[tarpc::service]
trait Kv {
    async fn get(key: String) -> Option<Bytes>;
    async fn put(key: String, value: Bytes);
}

impl Kv for Store {
    async fn get(self, _: Context, key: String) -> Option<Bytes> {
        Self::get(&self, &key)
    }

    async fn put(self, _: Context, key: String, value: Bytes) {
        Self::put(&self, key, value);
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut connections = tcp::listen("127.0.0.1:0", Bincode::default).await?;
    let address = connections.local_addr();
    tokio::spawn(async move {
        let store = Store::new();
        while let Some(Ok(connection)) = connections.next().await {
            let requests = BaseChannel::with_defaults(connection).execute(store.clone().serve());
            tokio::spawn(requests.for_each(async |request| drop(tokio::spawn(request))));
        }
    });

    let connection = tcp::connect(address, Bincode::default).await?;
    let kv = KvClient::new(client::Config::default(), connection).spawn();
    kv.put(context::current(), "a/1".to_owned(), "one".into()).await?;
    println!("get: {:?}", kv.get(context::current(), "a/1".to_owned()).await?);
    Ok(())
}
