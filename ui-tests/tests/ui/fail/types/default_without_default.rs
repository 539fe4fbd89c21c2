#[derive(serde::Serialize, serde::Deserialize)]
struct Mode;

#[grid::service]
trait Disk {
    async fn stat(&self, #[default] mode: Mode) -> u8;
}

fn main() {}
