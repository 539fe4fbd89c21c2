#[grid::service]
trait Disk {
    #[handler(name = "stat")]
    async fn read(&self) -> u8;
    async fn stat(&self) -> u8;
}

fn main() {}
