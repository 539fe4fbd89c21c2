use grid::{Incoming, Outgoing};

struct Entry;

#[grid::service]
trait Disk {
    async fn walk(&self, out: Outgoing<Entry>);
    async fn take(&self, input: Incoming<Entry>);
}

fn main() {}
