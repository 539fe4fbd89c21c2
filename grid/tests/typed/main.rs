//! Every shape of a method, through client, encoding, table and server: in one process, on one node, and on two.

mod contract;
mod place;
mod service;
mod singles;
mod streams;
#[path = "../support/mod.rs"]
mod support;
