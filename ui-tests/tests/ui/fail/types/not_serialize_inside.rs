struct Blob;

#[grid::service]
trait Disk {
    async fn get(&self) -> Vec<Blob>;
}

fn main() {}
