#[grid::service]
trait Disk {
    const SIZE: u64;
    type Volume;
    async fn stat(&self) -> u8;
}

struct Node;

impl Disk for Node {
    const SIZE: u64 = 5;
    type Volume = u8;
    async fn stat(&self) -> u8 {
        0
    }
}

fn main() {
    let _ = DiskClient::in_process(Node).stat();
}
