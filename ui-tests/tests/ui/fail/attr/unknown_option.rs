#[grid::service(nmae = "Disk", version = 2)]
trait Disk {
    async fn stat(&self) -> u8;
}

fn main() {}
