//! [`Caller`]: the other end of one connection, for the contexts of the calls that it makes.

use std::any::Any;
use std::sync::Arc;

use crate::auth::Identity;
use crate::certificate::PeerCertificate;
use crate::net::link::peer::Peer;

/// A peer, and what was proven about it when the connection was made. One value per connection, so that a context costs one
/// reference, and keeps the identity of the connection over which its call has arrived.
#[derive(Debug)]
pub(in crate::net) struct Caller {
    pub(in crate::net) peer: Arc<Peer>,
    pub(in crate::net) identity: Identity,
    pub(in crate::net) certificate: Option<PeerCertificate>,
    /// The interceptors of the calls that handlers make: a `Chain`, whose type this file cannot name, because interceptors
    /// use contexts.
    pub(in crate::net) calls: Arc<dyn Any + Send + Sync>,
}
