#[grid::service]
trait Disk {
    #[handler(incomming = 4)]
    async fn stat(&self) -> u8;
    #[handler(retries = 3)]
    async fn read(&self) -> u8;
}

fn main() {}
