#[grid::service(version = 2)]
pub trait Disk {
    type Volume;
    #[handler(id = 0, incoming = 4)]
    async fn wrong_options(&self) -> u8;
    #[handler(id = 9)]
    async fn wrong_type(&self, volume: &str, #[default] (a, b): (u8, u8)) -> u8;
    async fn new(&self) -> u8;
    async fn fine(&self) -> u8;
}

#[grid::service]
struct NoTrait;
