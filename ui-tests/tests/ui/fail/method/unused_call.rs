#![deny(unused_must_use)]

use grid::Outgoing;

#[grid::service]
trait Disk {
    async fn stat(&self) -> u8;
    async fn walk(&self, out: Outgoing<u8>);
}

fn forgotten(disk: &DiskClient) {
    disk.stat();
    disk.stat().timeout(std::time::Duration::from_secs(1));
    disk.walk();
}

fn main() {}
