#![deny(missing_docs)]
//! A crate.

#[grid::service]
pub trait Disk {
    async fn stat(&self) -> u8;
}

fn main() {}
