#[grid::service(name = "")]
trait Disk {
    #[handler(name = "a/b")]
    async fn stat(&self) -> u8;
}

fn main() {}
