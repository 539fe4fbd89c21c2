#[grid::service]
trait Disk {
    async fn stat(&self) -> u8;
}

struct Node;

#[grid::service]
impl Disk for Node {
    async fn stat(&self) -> u8 {
        0
    }
}

fn main() {
    let _ = DiskClient::in_process(Node);
}
