#[grid::service]
trait Disk<'a> {
    async fn stat(&self) -> u8;
}

fn main() {}
