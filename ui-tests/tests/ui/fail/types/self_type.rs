#[grid::service]
trait Disk: Iterator {
    async fn own(&self, data: Self::Item) -> u8;
}

fn main() {}
