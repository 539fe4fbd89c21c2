//! A service whose handlers are not `Send`: options, supertraits, lints, and functions.
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, unnameable_types)]
#![deny(elided_lifetimes_in_paths, single_use_lifetimes, unused_qualifications, unused_results)]

use std::rc::Rc;

/// Public.
pub mod api {
    use grid::{Context, Incoming, Outgoing, RemoteError, Stream};

    /// A service.
    #[grid::service(local, name = "Api")]
    pub trait Local: std::fmt::Debug {
        /// One.
        #[handler(id = 7, timeout = "5s", idempotent)]
        async fn one(&self, cx: &Context, a: u8, b: Option<String>) -> Result<u8, RemoteError>;
        /// Written in full, with or without `Send`.
        fn full(&self, a: u8) -> impl Future<Output = u8>;
        /// By default.
        async fn by_default(&self) -> u8 {
            1
        }
        /// Pushes.
        async fn push(&self, out: Outgoing<u8>) -> Result<(), RemoteError>;
        /// Returns.
        async fn pull(&self) -> Result<impl Stream<Item = u8>, RemoteError>;
        /// Takes.
        async fn take(&self, input: Incoming<u8>) -> u8;
    }
}

#[derive(Debug)]
struct Node(Rc<u8>);

impl api::Local for Node {
    async fn one(&self, _: &grid::Context, a: u8, _: Option<String>) -> Result<u8, grid::RemoteError> {
        let held = Rc::clone(&self.0);
        tokio::task::yield_now().await;
        Ok(a + *held)
    }
    async fn full(&self, a: u8) -> u8 {
        a + *self.0
    }
    async fn push(&self, _: grid::Outgoing<u8>) -> Result<(), grid::RemoteError> {
        Ok(())
    }
    async fn pull(&self) -> Result<impl grid::Stream<Item = u8>, grid::RemoteError> {
        let held = Rc::clone(&self.0);
        Ok(futures_util::stream::once(async move { *held }))
    }
    async fn take(&self, _: grid::Incoming<u8>) -> u8 {
        *self.0
    }
}

fn main() {
    let local = tokio::task::LocalSet::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(local.run_until(async {
        let client = api::LocalClient::in_process(Node(Rc::new(1)));
        assert_eq!(client.full(2).await, Ok(3));
        assert_eq!(client.one(2, None).await, Ok(3));
        assert_eq!(client.pull().await.expect("it opens").next().await, Some(Ok(1)));
        let server: api::LocalServer<Node> = api::LocalServer::from_rc(Rc::new(Node(Rc::new(1))));
        let _ = format!("{:?}", server.subroute("a"));
    }));
}
