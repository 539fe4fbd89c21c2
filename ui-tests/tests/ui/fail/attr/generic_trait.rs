use grid::Payload;

#[grid::service]
trait Disk<T> {
    async fn stat(&self) -> u8;
}

struct Node;

impl Disk<u8> for Node {
    async fn stat(&self) -> u8 {
        0
    }
}

#[grid::service]
trait Store<K: Payload, V: Payload = u8, const N: usize = 1>
where
    V: Clone,
{
    async fn get(&self, key: u8) -> u8;
}

fn main() {}
