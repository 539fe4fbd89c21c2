#[grid::service]
trait Disk {
    async fn stat(&self) -> u8;
}

struct Node;

impl Disk for Node {
    async fn stat(&self) -> u8 {
        0
    }
}

fn serve(service: impl grid::Service) {
    drop(service);
}

fn main() {
    serve(Node);
}
