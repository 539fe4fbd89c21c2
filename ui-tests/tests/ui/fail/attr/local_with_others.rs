#[grid::service(local, dyn)]
trait Both {
    async fn stat(&self) -> u8;
}

#[grid::service(local)]
trait Disk {
    #[handler(blocking)]
    fn hash(&self) -> u8;
    #[handler(inline)]
    async fn stat(&self) -> u8;
}

struct Node;

impl Disk for Node {
    fn hash(&self) -> u8 {
        1
    }

    async fn stat(&self) -> u8 {
        1
    }
}

fn main() {
    let _ = DiskServer::local(Node);
}
