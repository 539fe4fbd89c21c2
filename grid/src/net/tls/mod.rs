//! TLS for the links of a node, with rustls. Only with the feature `tls`, or `tls-no-provider`.
//!
//! [`Tls`] is what the user sets up; [`Reloading`] is what a node uses. It reads the files again when they change, and
//! performs the handshakes of both sides. Streams that the application has secured itself do not come here.

mod alternates;
mod error;
mod files;
mod load;
mod pem;
mod reload;
mod settings;
mod stream;
mod texts;

pub use error::TlsError;
pub(in crate::net) use reload::Reloading;
pub use settings::Tls;
