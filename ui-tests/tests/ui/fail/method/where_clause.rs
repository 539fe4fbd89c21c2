#[grid::service]
trait Disk {
    async fn stat(&self) -> u8
    where
        Self: Sized;
}

fn main() {}
