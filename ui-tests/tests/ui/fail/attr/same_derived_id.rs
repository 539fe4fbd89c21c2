#[grid::service]
trait Disk {
    async fn write_tail_v2_last(&self) -> u8;
    async fn stat_index3_safe_or(&self) -> u8;
}

fn main() {}
