use grid::Outgoing;

#[grid::service]
trait Disk {
    #[handler(inline)]
    async fn walk(&self, out: Outgoing<u8>);
}

fn main() {}
