//! What a WebSocket receives: frames, and the messages that they carry.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncRead;
use tokio::time::Instant;

use super::buffer::Buffer;
use super::close;
use super::frame::{FrameError, HANDSHAKE_BYTES_MAX, HEADER_BYTES_MAX, Header, Op, Role};
use crate::error::LinkError;
use crate::net::transport::Received;
use crate::net::transport::io::failure;
use crate::proto::wire::MESSAGE_BEGIN;
use crate::proto::{
    FloodBudget, Inbound, PART_BEGIN_BYTES, PLACED_MESSAGES, Place, ProtocolError, Waste,
};

/// Bytes that are read from the socket before the driver has its turn, if they contain no message. Otherwise a peer that
/// sends fragments without end would keep a worker for itself.
const READ_BYTES_MAX: usize = 256 * 1024;

/// A fragment with less payload than this costs more than its bytes are worth. Proxies that fragment messages use
/// fragments of some KiB.
const SMALL_FRAGMENT_BYTES: usize = 512;

/// What is read together with a part: its checksum, and so much of the next frame that its place can be found.
const FOLLOWING_BYTES: usize = 4 + HEADER_BYTES_MAX + PART_BEGIN_BYTES;

/// The receiving half of a WebSocket.
pub(super) struct Input {
    role: Role,
    message_bytes_max: usize,
    /// The peer is known, so the maximum message size is that of the node's configuration.
    is_configured: bool,
    buffer: Buffer,
    /// The header of the frame whose payload is being read.
    header: Option<Header>,
    /// Whether that payload can be a part of a large message that has a place.
    may_have_place: bool,
    /// A frame whose payload is being read to its place.
    placing: Option<Placing>,
    /// A fragmented message.
    partial: Option<Partial>,
    /// The payload of the last ping that was not answered. A newer one replaces it.
    pub(super) ping: Option<Bytes>,
    /// For frames that carry no message.
    flood: FloodBudget,
    /// Bytes that may be read before the driver has its turn.
    left: usize,
}

/// A part of a large message that is being read to its place.
struct Placing {
    place: Place,
    header: Header,
    /// The bytes before those of the part.
    head: Bytes,
    /// Bytes of the part that are missing.
    missing: usize,
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
            may_have_place: false,
            placing: None,
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

    /// Reads the next binary message; `None` if it has not arrived, or if [`READ_BYTES_MAX`] bytes were read. A part of a
    /// large message that has a place in `inbound` is read there. Fails if the peer has sent more frames without a message
    /// than it may.
    pub(super) fn read(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
        inbound: Option<&mut Inbound>,
    ) -> Result<Option<Received>, LinkError> {
        self.left = READ_BYTES_MAX;
        if self.placing.is_some() {
            return Ok(self.read_part(stream, cx, inbound)?.map(Received::Placed));
        }
        let message = self.read_frames(stream, cx, inbound)?;
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
        mut inbound: Option<&mut Inbound>,
    ) -> Result<Option<Received>, LinkError> {
        loop {
            let frame = self.read_frame(stream, cx, inbound.as_deref_mut())?;
            if self.placing.is_some() {
                return Ok(self.read_part(stream, cx, inbound)?.map(Received::Placed));
            }
            let Some((header, payload)) = frame else { return Ok(None) };
            match header.op {
                Op::Binary | Op::Text | Op::Continuation => {
                    if !header.is_last && header.len < SMALL_FRAGMENT_BYTES {
                        self.flood.note(Waste::Fragment, 1);
                    }
                    match self.assemble(header, payload)? {
                        Some((Op::Binary, message)) => return Ok(Some(Received::Message(message))),
                        // Text messages are ignored.
                        Some(_) => self.flood.note(Waste::Frame, 1),
                        None => {}
                    }
                }
                Op::Ping => {
                    self.flood.note(Waste::Frame, 1);
                    self.ping = Some(payload.freeze());
                }
                // Pongs are ignored, so a message whose opcode was damaged in one bit would disappear: 2 is binary, 10 a pong.
                Op::Pong if payload.first() == Some(&MESSAGE_BEGIN) => {
                    return Err(self.violation(FrameError::MessageInPong));
                }
                Op::Pong => self.flood.note(Waste::Frame, 1),
                Op::Close => return Err(close::closed(payload.freeze())),
            }
        }
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

    /// Reads the next frame, without its mask; `None` if it has not arrived, or if its payload must be read to its place.
    fn read_frame(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
        mut inbound: Option<&mut Inbound>,
    ) -> Result<Option<(Header, BytesMut)>, LinkError> {
        if let Some(header) = self.header.filter(|_| self.may_have_place && inbound.is_none()) {
            self.may_have_place = false;
            self.buffer.expect(header.len);
        }
        loop {
            if self.header.is_none() {
                let parsed = Header::parse(self.buffer.bytes(), self.role, self.message_bytes_max);
                if let Some((header, used)) = parsed.map_err(|error| self.violation(error))? {
                    self.buffer.advance(used);
                    self.header = Some(header);
                    self.expect_payload(header, inbound.is_some());
                } else {
                    self.buffer.expect(HEADER_BYTES_MAX);
                }
            }
            if let Some(inbound) = inbound.as_deref_mut()
                && self.find_place(inbound)
            {
                return Ok(None);
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
        let needed = match self.header {
            Some(_) if self.may_have_place => PART_BEGIN_BYTES,
            Some(header) => header.len,
            None => HEADER_BYTES_MAX,
        };
        self.fill(stream, cx, needed)
    }

    /// Reads available bytes into the buffer, until it holds `needed`. Returns `false` as [`read_bytes`](Self::read_bytes)
    /// does.
    fn fill(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
        needed: usize,
    ) -> Result<bool, LinkError> {
        if self.left == 0 {
            return Ok(false);
        }
        let polled = self.buffer.poll_fill(stream, cx, needed - self.buffer.len());
        self.count(polled)
    }

    /// Notes how much was read. Returns `false` if the socket has no more.
    fn count(&mut self, polled: Poll<io::Result<usize>>) -> Result<bool, LinkError> {
        match polled {
            Poll::Ready(Ok(0)) => Err(LinkError::Closed { code: None, reason: String::new() }),
            Poll::Ready(Ok(len)) => {
                self.left = self.left.saturating_sub(len);
                Ok(true)
            }
            Poll::Ready(Err(error)) => Err(failure(error)),
            Poll::Pending => Ok(false),
        }
    }

    /// Prepares for the payload of a frame. If it can have a place, only its beginning is read before that is known.
    fn expect_payload(&mut self, header: Header, has_inbound: bool) {
        self.may_have_place = has_inbound
            && header.op == Op::Binary
            && header.is_last
            && self.partial.is_none()
            && PLACED_MESSAGES.contains(&header.len);
        self.buffer.expect(if self.may_have_place { PART_BEGIN_BYTES } else { header.len });
    }

    /// Asks for the place of the frame's payload, as soon as its beginning is there. Returns whether it has one.
    fn find_place(&mut self, inbound: &mut Inbound) -> bool {
        let Some(header) = self.header.filter(|_| self.may_have_place) else { return false };
        let Some(begin) = self.buffer.bytes().get(..PART_BEGIN_BYTES) else { return false };
        let mut begin = BytesMut::from(begin);
        header.unmask(&mut begin);
        self.may_have_place = false;
        let begin = begin.freeze();
        let Some(place) = inbound.place(&begin, header.len) else {
            self.buffer.expect(header.len);
            return false;
        };
        self.header = None;
        self.buffer.advance(place.head_len);
        let (head, missing) = (begin.slice(..place.head_len), place.len);
        self.placing = Some(Placing { place, header, head, missing });
        true
    }

    /// Reads the rest of a part to its place. Returns the length of its message if it is complete. Without an `inbound` the
    /// part is discarded.
    fn read_part(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        cx: &mut Context<'_>,
        inbound: Option<&mut Inbound>,
    ) -> Result<Option<usize>, LinkError> {
        while let Some(Placing { place, missing, .. }) =
            self.placing.as_mut().filter(|placing| placing.missing > 0)
        {
            if self.left == 0 {
                return Ok(None);
            }
            let polled =
                self.buffer.poll_take(stream, cx, &mut place.bytes, *missing, FOLLOWING_BYTES);
            if let Poll::Ready(Ok((_, taken))) = &polled {
                *missing -= taken;
            }
            if !self.count(polled.map_ok(|(len, _)| len))? {
                return Ok(None);
            }
        }
        let Some(Placing { place, header, .. }) = &self.placing else { return Ok(None) };
        let (len, tail_len) = (header.len, header.len - place.head_len - place.len);
        self.buffer.expect(tail_len);
        while self.buffer.len() < tail_len {
            if !self.fill(stream, cx, tail_len)? {
                return Ok(None);
            }
        }
        let mut tail = self.buffer.split_to(tail_len);
        let Some(Placing { mut place, header, head, .. }) = self.placing.take() else {
            return Ok(None);
        };
        let begin = place.bytes.len() - place.len;
        header.unmask_from(place.head_len, &mut place.bytes[begin..]);
        header.unmask_from(place.head_len + place.len, &mut tail);
        if let Some(inbound) = inbound {
            inbound.placed(place, &head, &tail);
        }
        Ok(Some(len))
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
