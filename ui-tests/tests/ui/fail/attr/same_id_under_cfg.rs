#[grid::service]
trait Disk {
    #[cfg(any(unix, not(unix)))]
    #[handler(id = 9)]
    async fn stat(&self) -> u8;
    #[handler(id = 9)]
    async fn write(&self) -> u8;
}

fn main() {}
