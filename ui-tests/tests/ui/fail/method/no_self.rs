#[grid::service]
trait Disk {
    async fn stat(volume: String) -> u8;
    async fn empty();
}

fn main() {}
