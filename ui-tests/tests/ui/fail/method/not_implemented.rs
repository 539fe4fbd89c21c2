use grid::RemoteError;

#[grid::service]
trait Disk {
    async fn stat(&self, volume: String) -> Result<u8, RemoteError>;
    async fn read(&self) -> u8;
}

struct Node;

impl Disk for Node {
    async fn stat(&self, volume: u32) -> Result<u8, RemoteError> {
        Ok(volume as u8)
    }
}

fn main() {}
