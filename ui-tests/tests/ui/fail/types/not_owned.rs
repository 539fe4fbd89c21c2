#[derive(serde::Serialize, serde::Deserialize)]
struct Blob<'a> {
    name: &'a str,
}

#[grid::service]
trait Disk {
    async fn get(&self, blob: Blob<'static>) -> u8;
}

fn main() {}
