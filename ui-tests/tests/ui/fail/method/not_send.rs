use std::rc::Rc;

#[grid::service]
trait Disk {
    async fn stat(&self) -> u8;
}

struct Node;

impl Disk for Node {
    async fn stat(&self) -> u8 {
        let counter = Rc::new(5);
        std::future::ready(()).await;
        *counter
    }
}

fn main() {
    let _ = DiskClient::in_process(Node).stat();
}
