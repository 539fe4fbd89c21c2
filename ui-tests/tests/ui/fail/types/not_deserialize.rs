#[derive(serde::Serialize)]
struct Blob {
    name: String,
}

#[grid::service]
trait Disk {
    async fn get(&self) -> Blob;
}

fn main() {}
