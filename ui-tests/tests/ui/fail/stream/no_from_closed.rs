use grid::Outgoing;

use std::fmt;

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct DiskError;

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("disk")
    }
}

#[grid::service]
trait Disk {
    async fn walk(&self, out: Outgoing<u8>) -> Result<(), DiskError>;
}

struct Node;

impl Disk for Node {
    async fn walk(&self, mut out: Outgoing<u8>) -> Result<(), DiskError> {
        out.send(1).await?;
        Ok(())
    }
}

fn main() {}
