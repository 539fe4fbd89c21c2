#[grid::service(name = "Disk", name = "Disc")]
trait Disk {
    #[handler(id = 1, id = 2)]
    async fn stat(&self) -> u8;
}

fn main() {}
