use grid::{Outgoing, RemoteError};

#[grid::service]
trait Disk {
    async fn a(&self, out: Outgoing<u8>) -> u8;
    async fn b(&self, out: Outgoing<u8>) -> Result<u8, RemoteError>;
}

fn main() {}
