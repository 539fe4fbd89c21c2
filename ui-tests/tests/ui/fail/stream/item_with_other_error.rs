use grid::RemoteError;

use futures_util::Stream;

#[grid::service]
trait Disk {
    async fn walk(&self) -> Result<impl Stream<Item = Result<u8, String>>, RemoteError>;
}

fn main() {}
