//! The storage of a replicated key-value store: the log and the state machine of [openraft](https://docs.rs/openraft), over
//! [redb](https://docs.rs/redb).

pub mod model;
pub mod store;
