#![deny(unused_must_use)]

use grid::Incoming;

#[grid::service]
trait Disk {
    async fn upload(&self, input: Incoming<u8>) -> u8;
}

async fn forgotten(disk: &DiskClient) {
    disk.upload();
}

fn main() {}
