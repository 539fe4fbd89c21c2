#[grid::service]
trait Disk {
    fn stat(&self) -> u8;
    async fn read(&self) -> u8;
}

struct Node;

impl Disk for Node {
    fn stat(&self) -> u8 {
        0
    }
    async fn read(&self) -> u8 {
        0
    }
}

fn main() {
    let _ = DiskClient::in_process(Node).read();
}
