use std::rc::Rc;

#[derive(serde::Serialize, serde::Deserialize)]
struct Blob {
    #[serde(skip)]
    cache: Rc<u8>,
}

#[grid::service]
trait Disk {
    async fn put(&self, name: String, blob: Blob) -> u8;
    async fn get(&self, name: String) -> Blob;
    #[handler(blocking)]
    fn hash(&self, blob: Blob) -> u8;
    async fn walk(&self, blob: Blob, out: grid::Outgoing<Blob>);
}

async fn call(disk: DiskClient) {
    let _ = disk.put(String::new(), Blob { cache: Rc::new(1) }).await;
    let _ = disk.get(String::new()).await.unwrap().cache;
}

fn main() {
    let _ = call;
}
