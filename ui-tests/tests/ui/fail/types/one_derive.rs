use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct Sent {
    name: String,
}

#[derive(Deserialize)]
struct Received {
    name: String,
}

#[grid::service]
trait Disk {
    async fn put(&self, sent: Sent) -> u8;
    async fn get(&self, name: String) -> Received;
    async fn walk(&self, sent: Sent, out: grid::Outgoing<Received>);
}

struct Node;

impl Disk for Node {
    async fn put(&self, sent: Sent) -> u8 {
        sent.name.len() as u8
    }
    async fn get(&self, name: String) -> Received {
        Received { name }
    }
    async fn walk(&self, _: Sent, _: grid::Outgoing<Received>) {}
}

async fn call(disk: DiskClient) {
    let _ = disk.put(Sent { name: String::new() }).await;
    let _ = disk.get(String::new()).await.unwrap().name;
}

fn main() {
    drop(call(DiskClient::in_process(Node)));
}
