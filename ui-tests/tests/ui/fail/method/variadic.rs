#[grid::service]
trait Disk {
    async fn many(&self, first: u8, rest: ...) -> u8;
    async fn stat(&self) -> u8;
}

fn main() {}
