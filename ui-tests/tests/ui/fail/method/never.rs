#[grid::service]
trait Disk {
    async fn stat(&self) -> !;
}

fn main() {}
