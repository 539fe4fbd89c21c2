#[grid::service]
trait Disk<T> {
    async fn stat(&self) -> u8;
}

struct Node;

impl Disk<u8> for Node {
    async fn stat(&self) -> u8 {
        0
    }
}

fn main() {}
