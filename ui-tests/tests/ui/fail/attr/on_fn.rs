#[grid::service]
async fn stat(volume: String) -> u8 {
    let _ = volume;
    0
}

fn main() {}
