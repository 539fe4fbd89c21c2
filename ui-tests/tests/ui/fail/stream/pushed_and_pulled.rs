use grid::Outgoing;

use futures_util::Stream;

#[grid::service]
trait Disk {
    async fn walk(&self, out: Outgoing<u8>) -> impl Stream<Item = u8>;
}

fn main() {}
