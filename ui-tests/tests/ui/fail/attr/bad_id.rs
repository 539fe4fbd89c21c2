#[grid::service]
trait Disk {
    #[handler(id = 0)]
    async fn zero(&self) -> u8;
    #[handler(id = 256)]
    async fn large(&self) -> u8;
    #[handler(id = -1)]
    async fn negative(&self) -> u8;
    #[handler(id = ID)]
    async fn constant(&self) -> u8;
}

fn main() {}
