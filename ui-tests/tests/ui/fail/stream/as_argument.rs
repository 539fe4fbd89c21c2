use grid::Incoming;

use futures_util::Stream;

#[grid::service]
trait Disk {
    async fn a(&self, input: impl Stream<Item = u8>);
    async fn b(&self, input: Incoming);
    async fn c(&self) -> Vec<impl Stream<Item = u8>>;
}

fn main() {}
