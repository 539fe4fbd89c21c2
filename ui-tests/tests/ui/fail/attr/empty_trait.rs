#[grid::service]
trait Disk {}

fn main() {}
