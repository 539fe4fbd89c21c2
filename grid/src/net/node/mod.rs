//! One node: its configuration, its peers, and the loops that dial and accept them.

mod accept;
mod arrivals;
pub(in crate::net) mod build_error;
pub(in crate::net) mod builder;
mod closing;
mod credentials;
pub(in crate::net) mod dial;
mod dial_loop;
mod handshake;
#[cfg(feature = "http")]
pub(in crate::net) mod http_service;
pub(in crate::net) mod in_process;
mod judge;
mod life;
pub(in crate::net) mod listen;
pub(in crate::net) mod manager;
pub(in crate::net) mod name;
mod names;
mod refusals;
mod repeats;
mod report;
mod resolve;
mod shared;
mod steps;
mod strangers;
mod tls_accept;
#[cfg(feature = "tls-no-provider")]
mod tls_dial;
#[cfg(unix)]
mod unix;
