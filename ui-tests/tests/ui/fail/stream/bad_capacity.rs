use grid::{Incoming, Outgoing};

#[grid::service]
trait Disk {
    #[handler(incoming = 0)]
    async fn a(&self, input: Incoming<u8>);
    #[handler(outgoing = 65536)]
    async fn b(&self, out: Outgoing<u8>);
    #[handler(outgoing = -1)]
    async fn c(&self, out: Outgoing<u8>);
}

fn main() {}
