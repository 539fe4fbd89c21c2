#[grid::service]
trait Disk {
    async fn str(&self, volume: &str) -> u8;
    async fn bytes(&self, data: &[u8]) -> u8;
    async fn slice(&self, data: &[String]) -> u8;
    async fn string(&self, volume: &String) -> u8;
    async fn inside(&self, volumes: Vec<&'static str>) -> u8;
    async fn back(&self) -> &str;
    async fn cow(&self, text: std::borrow::Cow<'_, str>) -> u8;
    async fn mutable(&self, data: &mut Vec<u8>);
}

fn main() {}
