use grid::RemoteError;

use futures_util::Stream;

#[grid::service]
trait Disk {
    async fn a(&self) -> Stream<Item = u8>;
    async fn b(&self) -> Result<Box<dyn Stream<Item = u8>>, RemoteError>;
    async fn c(&self) -> std::pin::Pin<Box<dyn Stream<Item = u8> + Send>>;
}

fn main() {}
