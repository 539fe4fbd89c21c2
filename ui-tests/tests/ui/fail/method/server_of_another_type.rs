use std::sync::Arc;

#[grid::service]
trait Disk {
    async fn stat(&self) -> u8;
}

struct Node;

fn serve(service: impl grid::Service) {
    drop(service);
}

fn main() {
    serve(DiskServer::new(Node));
    serve(DiskServer::from_arc(Arc::new(Node)).subroute("disk0"));
    drop(DiskClient::in_process(Node));
}
