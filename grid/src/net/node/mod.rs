//! One node: its configuration, its peers, and the loops that dial and accept them.

mod accept;
mod arrivals;
pub(in crate::net) mod build_error;
pub(in crate::net) mod builder;
mod changes;
mod closing;
mod credentials;
pub(in crate::net) mod dial;
mod dial_loop;
mod follow;
pub(in crate::net) mod guest;
pub(in crate::net) mod guest_policy;
mod guest_table;
mod guests;
mod handshake;
#[cfg(feature = "http")]
pub(in crate::net) mod http_service;
pub(in crate::net) mod in_process;
mod judge;
mod known;
mod latch;
mod life;
mod links;
pub(in crate::net) mod listen;
pub(in crate::net) mod manager;
#[cfg(feature = "dns")]
pub(in crate::net) mod member_dns;
pub(in crate::net) mod member_event;
pub(in crate::net) mod member_file;
pub(in crate::net) mod members;
pub(in crate::net) mod name;
mod names;
mod peers;
mod refusals;
mod report;
mod resolve;
#[cfg(all(test, grid_loom))]
mod schedules;
mod shared;
pub(in crate::net) mod source;
mod steps;
mod strangers;
mod tls_accept;
#[cfg(feature = "tls-no-provider")]
mod tls_dial;
#[cfg(unix)]
mod unix;
pub(in crate::net) mod wall_clock;
