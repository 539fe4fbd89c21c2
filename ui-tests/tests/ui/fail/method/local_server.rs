use std::rc::Rc;

#[grid::service(local)]
trait Disk {
    async fn stat(&self) -> u8;
}

struct Node(Rc<u8>);

impl Disk for Node {
    async fn stat(&self) -> u8 {
        *self.0
    }
}

fn main() {
    let node = grid::Manager::builder("http://a");
    let _ = node.service(DiskServer::local(5));
    let _ = DiskServer::new(Node(Rc::new(1)));
}
