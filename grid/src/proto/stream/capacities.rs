//! [`Capacities`]: how many messages of a stream may wait.

/// How many messages of a stream may wait in each direction, as its handler sees it.
///
/// Between two nodes of this library, a stream is limited by the bytes of the messages that wait, and the receiver chooses
/// how many these are: see [`Config::stream_window_max`](crate::Config::stream_window_max). A capacity is a further limit,
/// which the receiver sets: with 1 each message waits until the previous one was read.
/// [`BYTES_ONLY`](Self::BYTES_ONLY) sets none.
///
/// Nodes of the base protocol know capacities only. They are not sent, so both nodes must have the same.
///
/// ```
/// use grid::Incoming;
///
/// #[grid::service]
/// trait Log {
///     /// A line is sent when the one before was read.
///     #[handler(incoming = 1)]
///     async fn append(&self, lines: Incoming<String>) -> Result<u64, grid::RemoteError>;
/// }
///
/// assert_eq!(LogClient::APPEND.info().capacities().incoming, 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Capacities {
    /// Messages from the caller that may wait for the handler, which sets it. With 0 the stream has no input.
    pub incoming: u32,
    /// Messages from the handler that may wait for the caller, which sets it. 0 counts as 1.
    pub outgoing: u32,
}

impl Capacities {
    /// The number of messages is not limited, only their bytes. Towards a node of the base protocol, this is
    /// [`BASE`](Self::BASE).
    pub const BYTES_ONLY: u32 = u32::MAX;

    /// What [`BYTES_ONLY`](Self::BYTES_ONLY) is towards a node of the base protocol, which counts messages: 64. Small
    /// messages from a server on the same machine are less than half as fast with 16. A Go node must have the same.
    pub const BASE: u32 = 64;

    /// The same where there are no windows, which is what is stated to other nodes.
    pub(crate) fn in_credits(self) -> Self {
        Self { incoming: credits_of(self.incoming), outgoing: credits_of(self.outgoing) }
    }

    /// As sent in the metadata of the stream's opening.
    pub(in crate::proto) fn stated(self) -> [u32; 2] {
        let Self { incoming, outgoing } = self.in_credits();
        [incoming, outgoing.max(1)]
    }
}

/// The credits of a capacity, where there are no windows.
pub(super) fn credits_of(capacity: u32) -> u32 {
    if capacity == Capacities::BYTES_ONLY { Capacities::BASE } else { capacity }
}
