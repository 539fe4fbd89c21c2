//! What a WebSocket receives: frames, and the messages that they carry.

use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncRead;
use tokio::time::Instant;

use super::buffer::Buffer;
use super::close;
use super::frame::{FrameError, HANDSHAKE_BYTES_MAX, HEADER_BYTES_MAX, Header, Op, Role};
use crate::error::LinkError;
use crate::net::transport::io::failure;
use crate::proto::{FloodBudget, ProtocolError, Waste};

/// Bytes that are read from the socket before the driver has its turn, if they contain no message. Otherwise a peer that
/// sends fragments without end would keep a worker for itself.
const READ_BYTES_MAX: usize = 256 * 1024;

/// A fragment with less payload than this costs more than its bytes are worth. Proxies that fragment messages use
/// fragments of some KiB.
const SMALL_FRAGMENT_BYTES: usize = 512;

/// The receiving half of a WebSocket.
pub(super) struct Input {
    role: Role,
    message_bytes_max: usize,
    /// The peer is known, so the maximum message size is that of the node's configuration.
    is_configured: bool,
    buffer: Buffer,
    /// The header of the frame whose payload is being read.
    header: Option<Header>,
    /// A fragmented message.
    partial: Option<Partial>,
    /// The payload of the last ping that was not answered. A newer one replaces it.
    pub(super) ping: Option<Bytes>,
    /// For frames that carry no message.
    flood: FloodBudget,
    /// Bytes that may be read before the driver has its turn.
    left: usize,
}

/// The fragments of a message so far.
struct Partial {
    op: Op,
    bytes: BytesMut,
}

impl Input {
    /// Accepts only small messages until [`take_messages_of`](Self::take_messages_of) is called.
    pub(super) fn new(received: &[u8], role: Role) -> Self {
        Self {
            role,
            message_bytes_max: HANDSHAKE_BYTES_MAX,
            is_configured: false,
            buffer: Buffer::new(received),
            header: None,
            partial: None,
            ping: None,
            flood: FloodBudget::default(),
            left: READ_BYTES_MAX,
        }
    }

    pub(super) fn take_messages_of(&mut self, bytes_max: usize) {
        self.message_bytes_max = bytes_max;
        self.is_configured = true;
    }

    /// Whether the last search for a message has read bytes.
    pub(super) fn has_read(&self) -> bool {
        self.left < READ_BYTES_MAX
    }

    /// Whether the last search for a message ended because it had read enough, and not because nothing was left.
    pub(super) fn is_interrupted(&self) -> bool {
        self.left == 0
    }

    /// Reads the next binary message; `None` if it has not arrived, or if [`READ_BYTES_MAX`] bytes were read. Fails if the
    /// peer has sent more frames without a message than it may.
    pub(super) fn read_message(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
    ) -> Result<Option<Bytes>, LinkError> {
        self.left = READ_BYTES_MAX;
        let message = self.read_frames(stream, cx)?;
        if self.flood.is_noted() {
            let settled = self.flood.settle(Instant::now().into_std(), 0);
            settled.map_err(|flood| LinkError::Protocol(Arc::new(ProtocolError::from(flood))))?;
        }
        Ok(message)
    }

    /// Reads frames up to the end of the next binary message, and notes those that carry no message.
    fn read_frames(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
    ) -> Result<Option<Bytes>, LinkError> {
        while let Some((header, payload)) = self.read_frame(stream, cx)? {
            match header.op {
                Op::Binary | Op::Text | Op::Continuation => {
                    if !header.is_last && header.len < SMALL_FRAGMENT_BYTES {
                        self.flood.note(Waste::Fragment, 1);
                    }
                    match self.assemble(header, payload)? {
                        Some((Op::Binary, message)) => return Ok(Some(message)),
                        // Text messages are ignored.
                        Some(_) => self.flood.note(Waste::Frame, 1),
                        None => {}
                    }
                }
                Op::Ping => {
                    self.flood.note(Waste::Frame, 1);
                    self.ping = Some(payload.freeze());
                }
                Op::Pong => self.flood.note(Waste::Frame, 1),
                Op::Close => return Err(close::closed(payload.freeze())),
            }
        }
        Ok(None)
    }

    /// Adds a frame to its message. Returns the message if it is complete.
    fn assemble(
        &mut self,
        header: Header,
        payload: BytesMut,
    ) -> Result<Option<(Op, Bytes)>, LinkError> {
        let is_first = header.op != Op::Continuation;
        let Some(mut partial) = self.partial.take() else {
            if !is_first {
                return Err(self.violation(FrameError::NotBegun));
            }
            if header.is_last {
                return Ok(Some((header.op, payload.freeze())));
            }
            // Copied: a fragment must not keep the buffer that it was read into.
            self.partial = Some(Partial { op: header.op, bytes: BytesMut::from(&payload[..]) });
            return Ok(None);
        };
        if is_first {
            return Err(self.violation(FrameError::NotEnded));
        }
        let (len, max) = (partial.bytes.len() + payload.len(), self.message_bytes_max);
        if len > max {
            return Err(self.violation(FrameError::TooLarge { len: len as u64, max }));
        }
        partial.bytes.extend_from_slice(&payload);
        if header.is_last {
            // Its buffer has doubled as it grew, and a payload keeps the whole of it.
            return Ok(Some((partial.op, Bytes::copy_from_slice(&partial.bytes))));
        }
        self.partial = Some(partial);
        Ok(None)
    }

    /// Reads the next frame, without its mask; `None` if it has not arrived.
    fn read_frame(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
    ) -> Result<Option<(Header, BytesMut)>, LinkError> {
        loop {
            if self.header.is_none() {
                let parsed = Header::parse(self.buffer.bytes(), self.role, self.message_bytes_max);
                if let Some((header, used)) = parsed.map_err(|error| self.violation(error))? {
                    self.buffer.advance(used);
                    self.buffer.expect(header.len);
                    self.header = Some(header);
                } else {
                    self.buffer.expect(HEADER_BYTES_MAX);
                }
            }
            if let Some(header) = self.header.take_if(|header| header.len <= self.buffer.len()) {
                let mut payload = self.buffer.split_to(header.len);
                header.unmask(&mut payload);
                return Ok(Some((header, payload)));
            }
            if !self.read_bytes(stream, cx)? {
                return Ok(None);
            }
        }
    }

    /// Reads available bytes. Returns `false` if the socket has none, or if this turn has read [`READ_BYTES_MAX`] bytes
    /// already.
    fn read_bytes(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
    ) -> Result<bool, LinkError> {
        if self.left == 0 {
            return Ok(false);
        }
        let needed = self.header.map_or(HEADER_BYTES_MAX, |header| header.len);
        match self.buffer.poll_fill(stream, cx, needed - self.buffer.len()) {
            Poll::Ready(Ok(0)) => Err(LinkError::Closed { code: None, reason: String::new() }),
            Poll::Ready(Ok(len)) => {
                self.left = self.left.saturating_sub(len);
                Ok(true)
            }
            Poll::Ready(Err(error)) => Err(failure(error)),
            Poll::Pending => Ok(false),
        }
    }

    /// The reason why the connection ends after this error.
    fn violation(&self, error: FrameError) -> LinkError {
        match error {
            FrameError::TooLarge { len, max } if self.is_configured => {
                LinkError::MessageTooLarge { bytes: len.try_into().unwrap_or(usize::MAX), max }
            }
            error => LinkError::WebSocket(Arc::new(error)),
        }
    }
}
