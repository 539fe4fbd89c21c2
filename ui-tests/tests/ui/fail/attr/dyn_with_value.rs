#[grid::service(dyn = true)]
trait Disk {
    async fn stat(&self) -> u8;
}

fn show(_: &dyn Disk, _: &dyn DynDisk) {}

fn main() {}
