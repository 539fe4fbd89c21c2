#[grid::service]
trait Disk {
    #[cfg_attr(unix, handler(id = 9))]
    async fn stat(&self) -> u8;
}

fn main() {}
