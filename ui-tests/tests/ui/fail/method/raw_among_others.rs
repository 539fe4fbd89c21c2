use grid::Raw;

#[grid::service]
trait Disk {
    async fn put(&self, name: String, data: Raw) -> u8;
}

fn main() {}
