#[grid::service]
trait Disk {
    async fn stat(&self, volume: Volume) -> u8;
}

fn main() {}
