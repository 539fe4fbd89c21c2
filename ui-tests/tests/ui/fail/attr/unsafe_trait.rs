#[grid::service]
unsafe trait Disk {
    async fn stat(&self) -> u8;
}

fn main() {}
