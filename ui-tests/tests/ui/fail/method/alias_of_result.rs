type DiskResult<T> = Result<T, grid::RemoteError>;

#[grid::service]
trait Disk {
    async fn stat(&self) -> DiskResult<u8>;
    async fn read(&self) -> DiskResult<u8>;
}

fn main() {}
