#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct DiskError;

#[grid::service]
trait Disk {
    async fn stat(&self) -> Result<u8, DiskError>;
    async fn read(&self) -> Result<u8, DiskError>;
}

fn main() {}
