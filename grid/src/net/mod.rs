//! The tokio layer: sockets, tasks and clocks. It does not know the types of arguments and results.
//!
//! | folder | what |
//! |---|---|
//! | `node/` | one node: its configuration, and the loops that dial and accept its peers |
//! | `drive/` | the one task of a link, from its handshake to its end |
//! | `serve/` | the handlers of a node, and running them |
//! | `call/` | the handles of callers: connections, calls, ends of streams |
//! | `link/` | one peer: the lock around its link, the tasks that wait on it, its state |
//! | `notice/` | events for programs: queues of readers, warnings, and how often something is repeated |
//! | `small_file.rs` | reading a file that is named in a configuration |
//! | `tls/` | TLS with the feature `tls`: its files, their reload, and the handshakes |
//! | `transport/` | transports for messages: WebSockets, and the loopback |
//!
//! Each folder imports only from those below it.
//! A [`Manager`] owns one task per peer, which owns the connection while there is one.

mod call;
mod catch;
mod drive;
mod link;
mod node;
mod notice;
mod serve;
mod small_file;
mod span;
#[cfg(feature = "tls-no-provider")]
mod tls;
mod transport;

pub(crate) use crate::proto::Body;
pub(crate) use crate::proto::wire::join;
pub use call::connection::{Connection, NotConnected};
pub use call::context::Context;
pub use call::ends::{RawReceiver, RawSender};
pub use call::intercept::call::Intercepted;
pub use call::intercept::observe::{Observe, StreamEnd};
pub use call::intercept::outcome::Outcome;
pub use call::intercept::record::{Finished, Record};
pub(crate) use call::intercept::recording::Recording;
pub(crate) use call::intercept::sampling::Sampling;
pub use call::intercept::{Intercept, Intercepting, Next};
pub(crate) use call::options::{CallOptions, call_options};
pub use call::raw::{RawCall, RawOpening};
pub use call::retry::budget::RetryBudget;
pub use call::retry::policy::{Hedge, Retry};
pub(crate) use call::serving::watch_local;
pub(crate) use catch::{Panic, ask_subscriber, catch, caught, log};
pub(crate) use link::blocking::CALLS_MAX as BLOCKING_CALLS_MAX;
pub use link::state::{Instance, State};
pub use link::states::States;
pub use link::stats::{ConnectionStats, Stats};
pub(crate) use link::streams::StreamInFlight;
pub use node::build_error::BuildError;
pub use node::builder::Builder;
pub use node::dial::{Dial, Dialing, DialingCertified};
pub use node::guest::{Guest, GuestBuilder, GuestError};
pub use node::guest_policy::Guests;
#[cfg(feature = "http")]
pub use node::http_service::{HttpBody, HttpFuture, HttpService};
pub(crate) use node::in_process::in_process;
pub use node::listen::{Accepted, Listen};
pub(crate) use node::manager::WeakManager;
pub use node::manager::{Manager, Refused, UnknownHost};
#[cfg(feature = "dns")]
pub use node::member_dns::DnsMembers;
pub use node::member_event::{MemberEvent, MemberEvents};
pub use node::member_file::MemberFile;
pub use node::members::{MemberChanges, MemberError, Members};
pub use node::name::NameError;
pub(crate) use node::name::address_of;
pub use node::source::{MemberSource, NextMembers};
#[cfg(feature = "testing")]
pub use node::wall_clock::Skew;
#[cfg(feature = "testing")]
pub(crate) use node::wall_clock::WallClock;
pub use notice::hub::Events;
pub use notice::warning::Warning;
pub use serve::permit::CallInfo;
pub(crate) use serve::permit::{Hook as PermitHook, guard_service};
pub use serve::registry::RegisterError;
pub(crate) use serve::registry::{HandlerFuture, RawHandler, Registry, RunSingle};
pub(crate) use span::CaughtSpan;
#[cfg(feature = "tls-no-provider")]
pub use tls::{Tls, TlsError};
pub use transport::{Io, tune};
