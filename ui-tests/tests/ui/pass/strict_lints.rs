//! Generated code triggers no lint, and `missing_docs` accepts it if the user's items are documented.
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, unnameable_types)]
#![deny(elided_lifetimes_in_paths, single_use_lifetimes, unused_qualifications, unused_results, unsafe_code)]
#![deny(let_underscore_drop, missing_copy_implementations, trivial_casts, unused_lifetimes, unused_import_braces)]

/// Public.
pub mod api {
    use grid::{Context, Incoming, Outgoing, RemoteError};

    /// A service.
    #[grid::service]
    pub trait Api {
        /// One.
        async fn one(&self, cx: &Context, a: u8, b: Option<String>) -> Result<u8, RemoteError>;
        /// None.
        async fn none(&self);
        /// Pushes.
        async fn push(&self, out: Outgoing<u8>) -> Result<(), RemoteError>;
        /// Takes.
        async fn take(&self, input: Incoming<u8>) -> u8;
        /// By default.
        async fn by_default(&self) -> u8 {
            1
        }
        /// Not used any more.
        #[deprecated(note = "use `one`")]
        async fn old(&self) -> u8;
        /// Not for everybody.
        #[doc(hidden)]
        async fn hidden(&self) -> u8;
    }
}

pub(crate) mod inner {
    #[grid::service]
    pub(crate) trait Inner {
        async fn one(&self, a: u8) -> u8;
    }
}

mod private {
    #[grid::service]
    trait Unused {
        async fn one(&self, a: u8) -> u8;
        #[deprecated]
        async fn old(&self, a: u8) -> u8;
    }

    #[grid::service]
    #[deprecated]
    trait Old {
        async fn one(&self, a: u8) -> u8;
    }
}

fn main() {
    assert_eq!(api::ApiClient::DESCRIPTOR.methods().len(), 7);
    assert_eq!(inner::InnerClient::DESCRIPTOR.docs(), "");
}
