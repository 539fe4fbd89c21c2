use grid::{Incoming, Outgoing};

#[grid::service]
trait Disk {
    async fn a(&self, input: Option<Incoming<u8>>);
    async fn b(&self, out: Vec<Outgoing<u8>>);
    async fn c(&self, both: Incoming<Outgoing<u8>>);
}

fn main() {}
