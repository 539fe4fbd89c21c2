//! Every shape of a method, through client, encoding, table and server, without a link.

mod contract;
mod service;
mod singles;
mod streams;
