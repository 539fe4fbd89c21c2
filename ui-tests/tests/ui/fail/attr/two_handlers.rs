#[grid::service]
trait Disk {
    #[handler(id = 9)]
    #[handler(timeout = "5s")]
    async fn stat(&self) -> u8;
}

fn main() {}
