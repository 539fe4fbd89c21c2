#[grid::service]
trait Disk {
    async fn stat<T>(&self, volume: T) -> u8;
    async fn sized<const N: usize>(&self) -> u8;
    async fn read<'a>(&'a self) -> u8;
}

fn main() {}
