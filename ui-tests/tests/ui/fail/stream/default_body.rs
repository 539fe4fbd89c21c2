use grid::{Incoming, Outgoing};

use futures_util::{Stream, stream};

#[grid::service]
trait Disk {
    async fn a(&self, out: Outgoing<u8>) {
        drop(out);
    }
    async fn b(&self, input: Incoming<u8>) -> u8 {
        drop(input);
        0
    }
    async fn c(&self) -> impl Stream<Item = u8> {
        stream::iter([1])
    }
}

fn main() {}
