macro_rules! more {
    () => {};
}

#[grid::service]
trait Disk {
    more!();
    async fn stat(&self) -> u8;
}

fn main() {}
