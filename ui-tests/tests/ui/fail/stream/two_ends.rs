use grid::{Incoming, Outgoing};

#[grid::service]
trait Disk {
    async fn inputs(&self, a: Incoming<u8>, b: Incoming<u8>);
    async fn outputs(&self, a: Outgoing<u8>, b: Outgoing<u8>);
}

fn main() {}
