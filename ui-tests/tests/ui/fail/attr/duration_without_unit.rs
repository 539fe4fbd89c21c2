#[grid::service]
trait Disk {
    #[handler(timeout = "5")]
    async fn stat(&self) -> u8;
    #[handler(timeout = "five seconds")]
    async fn read(&self) -> u8;
    #[handler(timeout = "0s")]
    async fn write(&self) -> u8;
    #[handler(timeout = "1.5s")]
    async fn free(&self) -> u8;
}

fn main() {}
