#[grid::service]
trait Disk {
    async fn mutable(&mut self) -> u8;
    async fn value(self) -> u8;
    async fn mutable_value(mut self) -> u8;
    async fn arc(self: std::sync::Arc<Self>) -> u8;
    async fn lifetime(&'static self) -> u8;
}

fn main() {}
