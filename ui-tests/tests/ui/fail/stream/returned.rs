use grid::{Incoming, Outgoing, RemoteError};

#[grid::service]
trait Disk {
    async fn a(&self) -> Outgoing<u8>;
    async fn b(&self) -> Result<Incoming<u8>, RemoteError>;
    async fn c(&self) -> Vec<Outgoing<u8>>;
}

fn main() {}
