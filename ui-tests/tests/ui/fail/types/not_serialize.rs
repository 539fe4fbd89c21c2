use grid::RemoteError;

struct Blob;

#[grid::service]
trait Disk {
    async fn put(&self, name: String, blob: Blob) -> Result<(), RemoteError>;
    async fn get(&self, name: String) -> Result<Blob, RemoteError>;
}

struct Node;

impl Disk for Node {
    async fn put(&self, _: String, _: Blob) -> Result<(), RemoteError> {
        Ok(())
    }
    async fn get(&self, _: String) -> Result<Blob, RemoteError> {
        Ok(Blob)
    }
}

async fn call(disk: DiskClient) {
    let _ = disk.put(String::new(), Blob).await;
    let _ = disk.get(String::new()).await;
}

fn main() {
    drop(call(DiskClient::in_process(Node)));
}
