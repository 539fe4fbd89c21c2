use std::borrow::Cow;

#[derive(serde::Serialize, serde::Deserialize)]
struct Blob<'a> {
    name: &'a str,
}

#[grid::service]
trait Disk {
    async fn text(&self, name: &str) -> u8;
    async fn declared<'a>(&self, name: &'a str, n: u8) -> u8;
    async fn used<'a>(&self, blob: Blob<'a>) -> Result<u8, grid::RemoteError>;
    async fn both<'a>(&self, n: u8) -> Cow<'a, str>;
    async fn answer(&self) -> &'static str;
    async fn unused<'a>(&self) -> u8;
    async fn fine(&self, name: Cow<'static, str>) -> u8;
}

struct Node;

impl Disk for Node {
    async fn text(&self, name: &str) -> u8 {
        name.len() as u8
    }
    async fn declared<'a>(&self, name: &'a str, n: u8) -> u8 {
        name.len() as u8 + n
    }
    async fn used<'a>(&self, blob: Blob<'a>) -> Result<u8, grid::RemoteError> {
        Ok(blob.name.len() as u8)
    }
    async fn both<'a>(&self, _: u8) -> Cow<'a, str> {
        Cow::Borrowed("")
    }
    async fn answer(&self) -> &'static str {
        ""
    }
    async fn unused<'a>(&self) -> u8 {
        0
    }
    async fn fine(&self, name: Cow<'static, str>) -> u8 {
        name.len() as u8
    }
}

async fn call(disk: DiskClient) {
    let name = String::new();
    let _: u8 = disk.text(&name).await.unwrap();
    let _: u8 = disk.declared(&name, 1).await.unwrap();
    let _ = disk.used(Blob { name: &name }).await;
    let _ = disk.both(1).await.unwrap().len();
    let _ = disk.answer().await.unwrap().len();
    let _ = disk.fine("".into()).await;
}

fn main() {
    drop(call(DiskClient::in_process(Node)));
}
