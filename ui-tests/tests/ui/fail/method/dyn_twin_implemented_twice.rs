//! Both traits for one type, and a name that is taken.
use grid::BoxFuture;

#[grid::service(dyn)]
trait Disk {
    async fn stat(&self) -> u8;
}

struct Node;

impl Disk for Node {
    async fn stat(&self) -> u8 {
        1
    }
}

impl DynDisk for Node {
    fn stat(&self) -> BoxFuture<'_, Result<u8, grid::CallError>> {
        Box::pin(async { Ok(1) })
    }
}

fn both() {
    let _ = Node.stat();
}

fn main() {}
