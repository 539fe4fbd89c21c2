use grid::Outgoing;

#[grid::service]
trait Disk {
    #[handler(idempotent)]
    async fn walk(&self, out: Outgoing<u8>);
    #[handler(idempotent = true)]
    async fn stat(&self) -> u8;
}

fn main() {}
