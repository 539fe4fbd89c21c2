#[derive(serde::Serialize, serde::Deserialize)]
struct Context {
    tenant: String,
}

#[grid::service]
trait Disk {
    async fn stat(&self, cx: &Context, volume: String) -> u8;
    #[handler(blocking)]
    fn read(&self, cx: &Context) -> u8;
    async fn write(&self, cx: Context) -> u8;
}

struct Node;

impl Disk for Node {
    async fn stat(&self, cx: &Context, _: String) -> u8 {
        cx.tenant.len() as u8
    }
    fn read(&self, cx: &Context) -> u8 {
        cx.tenant.len() as u8
    }
    async fn write(&self, cx: Context) -> u8 {
        cx.tenant.len() as u8
    }
}

fn main() {
    let disk = DiskClient::in_process(Node);
    let _ = disk.stat(String::new());
    let _ = disk.read();
}
