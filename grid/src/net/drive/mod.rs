//! The one task of a link: it moves messages between the link and its transport, from the handshake to the end.

pub(in crate::net) mod budget;
pub(in crate::net) mod driver;
pub(in crate::net) mod session;
