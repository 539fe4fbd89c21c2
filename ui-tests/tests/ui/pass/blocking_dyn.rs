//! A service whose methods are all plain functions can be used as `dyn`, as any trait.

#[grid::service]
trait Disk {
    #[handler(blocking)]
    fn size(&self) -> u64;
}

struct Node;

impl Disk for Node {
    fn size(&self) -> u64 {
        5
    }
}

fn main() {
    let disks: Vec<Box<dyn Disk>> = vec![Box::new(Node)];
    assert_eq!(disks.iter().map(|disk| disk.size()).sum::<u64>(), 5);
}
