#[grid::service]
trait Disk {
    async fn stat(&self) -> std::io::Result<u8>;
}

fn main() {}
