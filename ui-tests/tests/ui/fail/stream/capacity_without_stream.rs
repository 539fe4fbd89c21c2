use grid::{Incoming, Outgoing};

#[grid::service]
trait Disk {
    #[handler(incoming = 4)]
    async fn a(&self, out: Outgoing<u8>);
    #[handler(outgoing = 4)]
    async fn b(&self, input: Incoming<u8>);
    #[handler(incoming = 4)]
    async fn c(&self) -> u8;
}

fn main() {}
