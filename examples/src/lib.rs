//! What the example programs are made of, in modules that the tests can use as well; see the binaries.

pub mod chat;
pub mod local;
pub mod locks;
pub mod peer;
