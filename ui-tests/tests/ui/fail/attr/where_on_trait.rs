#[grid::service]
trait Disk
where
    Self: Clone,
{
    async fn stat(&self) -> u8;
}

fn main() {}
