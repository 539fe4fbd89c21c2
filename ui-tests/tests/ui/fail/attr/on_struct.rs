#[grid::service]
struct Disk;

impl Disk {
    fn new() -> Self {
        Disk
    }
}

fn main() {
    let _ = Disk::new();
}
