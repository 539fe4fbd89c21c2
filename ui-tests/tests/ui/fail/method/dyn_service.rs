#[grid::service]
trait Disk {
    async fn stat(&self) -> u8;
}

fn show(_: &dyn Disk) {}

fn main() {}
