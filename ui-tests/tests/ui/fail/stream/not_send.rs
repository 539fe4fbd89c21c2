use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_util::Stream;

#[grid::service]
trait Disk {
    async fn walk(&self) -> impl Stream<Item = u8>;
}

struct Same(Rc<u8>);

impl Stream for Same {
    type Item = u8;
    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u8>> {
        Poll::Ready(Some(*self.0))
    }
}

struct Node;

impl Disk for Node {
    async fn walk(&self) -> impl Stream<Item = u8> {
        Same(Rc::new(1))
    }
}

fn main() {}
