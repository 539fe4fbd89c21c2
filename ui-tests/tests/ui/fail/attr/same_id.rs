#[grid::service]
trait Disk {
    #[handler(id = 9)]
    async fn stat(&self) -> u8;
    async fn read(&self) -> u8;
    #[handler(id = 9)]
    async fn write(&self) -> u8;
}

fn main() {}
