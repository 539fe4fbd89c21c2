use std::cell::Cell;

#[grid::service]
trait Disk {
    async fn stat(&self) -> u8;
}

struct Node(Cell<u8>);

impl Disk for Node {
    async fn stat(&self) -> u8 {
        self.0.get()
    }
}

fn main() {}
