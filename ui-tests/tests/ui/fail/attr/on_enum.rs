#[grid::service]
enum Disk {
    Fast,
}

fn main() {
    let _ = Disk::Fast;
}
