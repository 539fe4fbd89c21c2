//! Byte streams between two nodes, before they carry messages.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::error::LinkError;

/// A byte stream between two nodes.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Unsent bytes that a socket may hold. Small messages can overtake large ones in the link's output, but not in the
/// socket. With the system's default, half a MiB or more can queue in the socket.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 64 * 1024;

/// Bytes that are read from a socket at once for TLS. The TLS library asks for 4 KiB at a time, which would be one system call
/// each; this is one whole record.
pub(in crate::net) const TLS_READ_BYTES: usize = 17 * 1024;

/// Configures a socket for low latency: messages are sent at once (`TCP_NODELAY`), and on Linux at most 64 KiB of unsent
/// bytes queue in the socket, because small messages cannot overtake large ones there.
///
/// For dialers, listeners and HTTP servers of your own. Nodes do this with the sockets that they open and accept themselves.
///
/// # Errors
/// The error of the operating system, for example if the peer has closed the connection.
pub fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    // Not an error: without the option the link is only slower.
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_BYTES);
    Ok(())
}

/// The reason why a connection ends after an error of its byte stream. One that performs TLS gives the reason itself.
pub(in crate::net) fn failure(error: io::Error) -> LinkError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return LinkError::Closed { code: None, reason: String::new() };
    }
    error.downcast::<LinkError>().unwrap_or_else(|error| LinkError::Io(Arc::new(error)))
}
