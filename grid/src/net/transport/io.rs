//! Byte streams between two nodes, before they carry messages.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A byte stream between two nodes.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Bytes that a socket holds before it has begun to send them. What waits there cannot be overtaken, and what waits in the
/// link's output can; half a MiB and more gather if the system chooses.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 64 * 1024;

/// Sets up a socket for small messages: they are sent at once, and few wait in it.
pub(in crate::net) fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    // A system without the option is slower, but correct.
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES);
    Ok(())
}
