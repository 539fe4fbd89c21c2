#[grid::service]
trait Disk {
    #[allow(non_snake_case)]
    async fn fooBar(&self) -> u8;
    async fn foo_bar(&self) -> u8;
}

fn main() {}
