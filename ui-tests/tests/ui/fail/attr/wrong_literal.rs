use grid::Incoming;

#[grid::service(name = Disk, crate = "grid")]
trait Disk {
    #[handler(id = "9")]
    async fn stat(&self) -> u8;
    #[handler(timeout = 5)]
    async fn read(&self) -> u8;
    #[handler(incoming = "16")]
    async fn write(&self, input: Incoming<u8>);
    #[handler(compact = true, inline = true)]
    async fn free(&self) -> u8;
    #[handler(id)]
    async fn used(&self) -> u8;
    #[handler = 9]
    async fn size(&self) -> u8;
    #[handler(id = 10u8)]
    async fn label(&self) -> u8;
}

fn main() {}
