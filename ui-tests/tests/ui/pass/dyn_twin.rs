//! The object-safe twin: odd names, visibility, options, default bodies, `cfg`, lints, and functions.
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, unnameable_types)]
#![deny(elided_lifetimes_in_paths, single_use_lifetimes, unused_qualifications, unused_results)]
#![allow(non_camel_case_types)]

use std::sync::Arc;

/// Public.
pub mod api {
    use grid::{Context, Outgoing, RemoteError};

    type Result<T, E = RemoteError> = std::result::Result<T, E>;

    /// A service.
    #[grid::service(dyn, name = "Type")]
    pub trait r#type: std::fmt::Debug {
        /// One.
        #[handler(id = 7, timeout = "5s", idempotent)]
        async fn r#match(&self, r#fn: u8, b: Option<String>) -> Result<u8>;
        /// None.
        async fn none(&self);
        /// Written in full.
        fn full(&self, a: u8) -> impl Future<Output = u8> + Send;
        /// By default.
        async fn by_default(&self) -> u8 {
            1
        }
        /// Not used any more.
        #[deprecated(note = "use `one`")]
        async fn old(&self) -> u8;
        /// Nowhere.
        #[cfg(not(any(unix, windows)))]
        async fn nowhere(&self) -> Nothing;
        /// Everywhere.
        #[cfg(any(unix, windows))]
        async fn nowhere(&self) -> u8;
        /// Left out.
        async fn who(&self, cx: &Context) -> String;
        /// Left out.
        async fn push(&self, out: Outgoing<u8>) -> Result<()>;
    }
}

mod private {
    #[grid::service(crate = ::grid, dyn)]
    trait Unused {
        async fn one(&self, a: u8) -> u8;
        #[deprecated]
        async fn old(&self, a: u8) -> u8;
    }
}

fn erased(client: api::typeClient) -> Arc<dyn api::Dyntype> {
    Arc::new(client)
}

fn generic<T: api::r#type>(service: T) -> Box<dyn api::Dyntype> {
    // The methods of the bound are those of the trait.
    let _ = service.full(1);
    Box::new(service)
}

fn main() {
    #[grid::service(dyn)]
    trait Local {
        async fn one(&self) -> u8;
    }
    struct Node;
    impl Local for Node {
        async fn one(&self) -> u8 {
            1
        }
    }
    let _: &dyn DynLocal = &Node;
    let _ = (erased, generic::<Never>, LocalServer::new(Node));
}

/// Never made.
#[derive(Debug)]
pub enum Never {}

impl api::r#type for Never {
    async fn r#match(&self, _: u8, _: Option<String>) -> Result<u8, grid::RemoteError> {
        match *self {}
    }
    async fn none(&self) {
        match *self {}
    }
    async fn full(&self, _: u8) -> u8 {
        match *self {}
    }
    async fn old(&self) -> u8 {
        match *self {}
    }
    async fn nowhere(&self) -> u8 {
        match *self {}
    }
    async fn who(&self, _: &grid::Context) -> String {
        match *self {}
    }
    async fn push(&self, _: grid::Outgoing<u8>) -> Result<(), grid::RemoteError> {
        match *self {}
    }
}
