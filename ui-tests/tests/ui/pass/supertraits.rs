//! Supertraits, use as a bound, a wrapper that delegates, and calls that are `Send + Unpin + 'static`.
#![deny(warnings)]

use std::fmt::Debug;
use std::sync::Arc;

#[grid::service]
pub trait Disk: Debug + Send {
    async fn get(&self, n: u8) -> u8;
}

#[derive(Debug)]
struct Plain;

impl Disk for Plain {
    async fn get(&self, n: u8) -> u8 {
        n
    }
}

#[derive(Debug)]
struct Twice<D>(D);

impl<D: Disk> Disk for Twice<D> {
    async fn get(&self, n: u8) -> u8 {
        self.0.get(self.0.get(n).await).await * 2
    }
}

async fn spawned(disk: impl Disk) -> u8 {
    let disk = Arc::new(disk);
    tokio::spawn(async move { disk.get(3).await }).await.unwrap()
}

fn call(client: &DiskClient) -> impl Future<Output = Result<u8, grid::CallError>> + Send + Unpin + use<> {
    client.get(4)
}

fn is_service<S: grid::Service + Clone + Debug>(_: &S) {}

#[tokio::main]
async fn main() {
    assert_eq!(spawned(Twice(Plain)).await, 6);
    let client = DiskClient::in_process(Twice(Twice(Plain)));
    assert_eq!(tokio::spawn(client.get(1)).await.unwrap().unwrap(), 8);
    assert_eq!(call(&client).await.unwrap(), 32);
    is_service(&DiskServer::new(Plain).subroute("a"));
    is_service(&DiskServer::from_arc(Arc::new(Plain)));
}
