#[grid::service]
trait Disk {
    async fn stat(&self, #[cfg(unix)] mode: u32) -> u8;
    async fn read(&self, #[default = 5] count: u32) -> u8;
}

fn main() {}
