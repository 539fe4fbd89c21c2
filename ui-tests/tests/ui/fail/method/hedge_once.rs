use grid::{Hedge, RemoteError};

#[grid::service]
trait Disk {
    #[handler(idempotent)]
    async fn read(&self, path: String) -> Result<Vec<u8>, RemoteError>;
    async fn append(&self, path: String, line: String) -> Result<(), RemoteError>;
}

async fn both(one: &DiskClient, other: &DiskClient, hedge: &Hedge) {
    let _ = one.read("log".into()).hedge(hedge, other.connection()).await;
    let _ = one.append("log".into(), "line".into()).hedge(hedge, other.connection()).await;
}

fn main() {}
