//! A key-value service with grid, for `grid-bench build`; see `bench/README.md`.
//!
//! `main` calls everything, so that the linker drops nothing which a user of the service would need.

#[path = "../../store.rs"]
mod store;

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use grid::{Manager, NoAuth, Outgoing, RemoteError};
use tokio::net::TcpListener;

use crate::store::{Entry, Store};

/// Time-out for connecting. Covers a second attempt, because the first may be too early.
const CONNECT: Duration = Duration::from_secs(10);

#[grid::service]
trait Kv {
    async fn get(&self, key: String) -> Option<Bytes>;
    async fn put(&self, key: String, value: Bytes);
    async fn watch(&self, prefix: String, out: Outgoing<Entry>) -> Result<(), RemoteError>;
}

impl Kv for Store {
    async fn get(&self, key: String) -> Option<Bytes> {
        Self::get(self, &key)
    }

    async fn put(&self, key: String, value: Bytes) {
        Self::put(self, key, value);
    }

    async fn watch(&self, prefix: String, mut out: Outgoing<Entry>) -> Result<(), RemoteError> {
        let mut watch = Self::watch(self, prefix);
        while let Some(entry) = watch.next().await {
            out.send(entry).await?;
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (listener, own_listener) =
        (TcpListener::bind("127.0.0.1:0").await?, TcpListener::bind("127.0.0.1:0").await?);
    let address = format!("http://{}", listener.local_addr()?);
    let own = format!("http://{}", own_listener.local_addr()?);
    let hosts = [&address, &own];
    let server = Manager::builder(&address).hosts(hosts).token(NoAuth);
    let server = server.service(KvServer::new(Store::new())).build()?;
    tokio::spawn(server.serve(listener));
    let client = Manager::builder(&own).hosts(hosts).token(NoAuth).build()?;
    tokio::spawn(client.serve(own_listener));

    let connection = client.connection(&address)?;
    connection.wait_connected(CONNECT).await?;
    let kv = KvClient::new(connection);
    kv.put("a/1".to_owned(), "one".into()).await?;
    println!("get: {:?}", kv.get("a/1".to_owned()).await?);
    let mut entries = kv.watch("a/".to_owned()).await?;
    println!("watch: {:?}", entries.next().await.transpose()?);
    kv.put("a/2".to_owned(), "two".into()).await?;
    println!("watch: {:?}", entries.next().await.transpose()?);
    Ok(())
}
