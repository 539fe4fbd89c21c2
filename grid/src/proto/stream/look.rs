//! [`StreamLook`]: what a stream is doing, for operators. It is put together when somebody asks; nothing is kept for it.

use std::time::Duration;

use crate::proto::event::StreamOf;

/// A stream that has not ended, at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StreamLook {
    pub(crate) of: StreamOf,
    /// Since its opening was sent or received. `None` while the opening waits to be sent.
    pub(crate) age: Option<Duration>,
    /// The callee has accepted it.
    pub(crate) is_open: bool,
    /// What this node sends; `None` if it sends nothing more.
    pub(crate) sends: Option<SendLook>,
    /// What this node receives; `None` if the peer sends nothing more and all was read.
    pub(crate) receives: Option<RecvLook>,
}

/// The items that this node sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SendLook {
    pub(crate) window: WindowLook,
    pub(crate) wait: Option<SendWait>,
}

/// What a writer waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendWait {
    /// The reader at the peer has made no room. With the time that this has lasted at least, if it is known.
    Reader(Option<Duration>),
    /// An item waits for its turn at the socket.
    Socket,
}

/// The items that this node receives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecvLook {
    pub(crate) window: WindowLook,
    /// Items that wait for the reader.
    pub(crate) unread: usize,
    /// The peer can send nothing before the reader has taken some of them.
    pub(crate) is_blocked: bool,
}

/// How much may still be sent. Of a window in bytes, only the receiver knows how large it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct WindowLook {
    /// `None`: the number of items is not limited.
    pub(crate) items: Option<u32>,
    pub(crate) items_max: Option<u32>,
    /// `None`: the bytes are not limited.
    pub(crate) bytes: Option<u64>,
    pub(crate) bytes_max: Option<u32>,
}

impl StreamLook {
    /// Whether anybody waits, at either end.
    pub(crate) fn waits(&self) -> bool {
        !self.is_open
            || self.sends.is_some_and(|sends| sends.wait.is_some())
            || self.receives.is_some_and(|receives| receives.is_blocked)
    }

    /// How long the writer has waited for its reader at least, if that is known.
    pub(crate) fn waited(&self) -> Option<Duration> {
        match self.sends?.wait? {
            SendWait::Reader(waited) => waited,
            SendWait::Socket => None,
        }
    }
}
