#[grid::service]
trait Disk {
    async fn boxed(&self, volume: Box<dyn std::fmt::Debug>) -> u8;
    async fn opaque(&self, volume: impl Into<String>) -> u8;
    async fn back(&self) -> impl std::fmt::Debug;
    async fn function(&self, f: fn(u8) -> u8) -> u8;
    async fn pointer(&self, p: *const u8) -> u8;
    async fn slice(&self, data: [u8]) -> u8;
    async fn infer(&self, data: Vec<_>) -> u8;
    async fn fine(&self) -> u8;
}

fn main() {}
