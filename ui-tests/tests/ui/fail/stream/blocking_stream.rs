use grid::{Incoming, Outgoing, Stream};

#[grid::service]
trait Disk {
    #[handler(blocking)]
    fn walk(&self, out: Outgoing<u8>);
    #[handler(id = 9, blocking)]
    fn write(&self, input: Incoming<u8>) -> u64;
    #[handler(blocking)]
    fn names(&self) -> impl Stream<Item = String> + Send;
}

fn main() {}
