//! `PhantomData` holds no value, so its type may be one that cannot be sent.

use std::marker::PhantomData;

#[grid::service]
trait Disk {
    async fn tagged(&self, tag: PhantomData<fn() -> &'static str>) -> u8;
}

struct Node;

impl Disk for Node {
    async fn tagged(&self, _: PhantomData<fn() -> &'static str>) -> u8 {
        5
    }
}

#[tokio::main]
async fn main() {
    assert_eq!(DiskClient::in_process(Node).tagged(PhantomData).await.unwrap(), 5);
}
