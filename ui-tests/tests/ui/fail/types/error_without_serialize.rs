use std::fmt;

#[derive(Debug)]
struct DiskError;

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("disk")
    }
}

#[grid::service]
trait Disk {
    async fn stat(&self) -> Result<u8, DiskError>;
}

fn main() {}
