#[grid::service]
trait Disk {
    async fn pair(&self, (a, b): (u8, u8)) -> u8;
    async fn wild(&self, _: u8) -> u8;
    async fn mutable(&self, mut n: u8) -> u8;
}

fn main() {}
