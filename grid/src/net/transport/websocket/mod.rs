//! WebSocket messages over a byte stream.
//!
//! One task owns both directions, so there is one waker, and neither locks nor queues.

mod buffer;
mod close;
mod frame;
mod input;
mod output;

use std::fmt;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::io::failure;
use super::{Received, Transport};
use crate::error::LinkError;
use crate::proto::{Inbound, Outbound};
use buffer::READ_BUFFER_BYTES;
use frame::Op;
use input::Input;
use output::Output;

pub(super) use frame::Role;

/// Frames that are read after a write has failed, in search of the close frame that says why.
const FRAMES_AFTER_FAILURE_MAX: usize = 256;

/// Reads of discarded input before other tasks run.
const READS_MAX: usize = 64;

/// A WebSocket after its upgrade.
pub(in crate::net) struct WebSocket<S> {
    stream: S,
    /// The driver's. Stored, because messages are queued without it.
    waker: Waker,
    role: Role,
    input: Input,
    output: Output,
    /// Bytes were received without a message.
    progress: bool,
    /// The output has been written, and this direction of the stream is closed.
    is_shut: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Creates a WebSocket after an upgrade. `leftover` are bytes that the upgrade has read beyond the headers.
    ///
    /// It accepts only small messages until [`take_messages_of`](Self::take_messages_of) is called.
    pub(super) fn new(stream: S, leftover: &[u8], role: Role) -> Self {
        let is_vectored = stream.is_write_vectored();
        Self {
            stream,
            waker: Waker::noop().clone(),
            role,
            input: Input::new(leftover, role),
            output: Output::new(role, is_vectored),
            progress: false,
            is_shut: false,
        }
    }

    /// Sets the maximum message size. Called when the peer is known.
    pub(in crate::net) fn take_messages_of(&mut self, bytes_max: usize) {
        self.input.take_messages_of(bytes_max);
    }

    /// Writes and flushes all output, as far as the socket accepts it. A pong is queued only behind a socket that accepts
    /// output: otherwise a peer that sends pings and does not read could fill the buffer.
    fn flush_output(&mut self) -> io::Result<()> {
        let mut cx = Context::from_waker(&self.waker);
        if self.input.ping.is_some() {
            self.output.write(&mut self.stream, &mut cx)?;
            if self.output.is_blocked() {
                return Ok(());
            }
            if let Some(payload) = self.input.ping.take() {
                self.output.queue(Op::Pong, &payload);
            }
        }
        self.output.flush(&mut self.stream, &mut cx)
    }

    fn read(&mut self, inbound: Option<&mut Inbound>) -> Result<Option<Received>, LinkError> {
        self.input.read(&mut self.stream, &mut Context::from_waker(&self.waker), inbound)
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        inbound: Option<&mut Inbound>,
    ) -> Poll<Result<Received, LinkError>> {
        self.waker.clone_from(cx.waker());
        match self.read(inbound) {
            Ok(Some(received)) => Poll::Ready(Ok(received)),
            Ok(None) => {
                self.progress |= self.input.has_read();
                if self.input.is_interrupted() {
                    cx.waker().wake_by_ref();
                }
                // Tried again if the socket accepted no output: it may wake a driver that has lost the link.
                if self.input.ping.is_some() || self.output.is_blocked() {
                    self.flush_output().map_err(failure)?;
                }
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// The reason why a write failed: what the peer said before it closed the connection, if it said anything.
    fn write_failure(&mut self, error: io::Error) -> LinkError {
        for _ in 0..FRAMES_AFTER_FAILURE_MAX {
            match self.read(None) {
                Ok(Some(_)) => {}
                Err(
                    reason
                    @ (LinkError::NameTaken { .. } | LinkError::Closed { code: Some(_), .. }),
                ) => {
                    return reason;
                }
                Ok(None) | Err(_) => break,
            }
        }
        failure(error)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Transport for WebSocket<S> {
    fn has_room(&self) -> bool {
        !self.output.is_blocked()
    }

    fn start_send(&mut self, message: Outbound) -> Result<(), LinkError> {
        self.output.queue_message(message);
        if self.output.is_full() {
            let mut cx = Context::from_waker(&self.waker);
            self.output
                .write(&mut self.stream, &mut cx)
                .map_err(|error| self.write_failure(error))?;
        }
        Ok(())
    }

    fn take_spent(&mut self) -> Option<Bytes> {
        self.output.take_spent()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LinkError>> {
        if self.is_flushed() {
            return Poll::Ready(Ok(()));
        }
        self.waker.clone_from(cx.waker());
        self.flush_output().map_err(|error| self.write_failure(error))?;
        if self.output.is_blocked() { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn is_flushed(&self) -> bool {
        !self.output.is_dirty() && self.input.ping.is_none()
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, LinkError>> {
        loop {
            // Without an `Inbound` nothing has a place.
            if let Received::Message(message) = ready!(self.poll_read(cx, None))? {
                return Poll::Ready(Ok(message));
            }
        }
    }

    fn poll_recv_into(
        &mut self,
        cx: &mut Context<'_>,
        inbound: &mut Inbound,
    ) -> Poll<Result<Received, LinkError>> {
        self.poll_read(cx, Some(inbound))
    }

    fn take_progress(&mut self) -> bool {
        std::mem::take(&mut self.progress)
    }

    fn close(&mut self, reason: &LinkError, cx: &mut Context<'_>) {
        self.waker.clone_from(cx.waker());
        self.output.queue(Op::Close, &close::payload(reason));
        // The result is ignored: the connection ends anyway.
        let _ = self.flush_output();
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.waker.clone_from(cx.waker());
        if !self.is_shut {
            if self.output.is_dirty() && self.flush_output().is_err() {
                return Poll::Ready(());
            }
            if self.output.is_blocked() {
                return Poll::Pending;
            }
            if ready!(Pin::new(&mut self.stream).poll_shutdown(cx)).is_err() {
                return Poll::Ready(());
            }
            self.is_shut = true;
        }
        poll_discard(&mut self.stream, cx)
    }
}

/// Reads and discards bytes until the stream ends. A socket that is closed with unread bytes is reset, and then the
/// peer may lose the last bytes that it was sent.
pub(super) fn poll_discard(
    stream: &mut (impl AsyncRead + Unpin),
    cx: &mut Context<'_>,
) -> Poll<()> {
    let mut space = [0; READ_BUFFER_BYTES];
    for _ in 0..READS_MAX {
        let mut space = ReadBuf::new(&mut space);
        match ready!(Pin::new(&mut *stream).poll_read(cx, &mut space)) {
            Ok(()) if !space.filled().is_empty() => {}
            Ok(()) | Err(_) => return Poll::Ready(()),
        }
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// Omits the bytes, which must not be logged.
impl<S> fmt::Debug for WebSocket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("role", &self.role)
            .field("is_blocked", &self.output.is_blocked())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::num::NonZeroU32;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Wake;
    use std::time::SystemTime;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::Instant;

    use super::*;
    use crate::proto::wire::HandlerId;
    use crate::proto::{CallSpec, Event, Features, Limits, Link, RouteKind, Routes, Session};

    #[derive(Default)]
    struct Flag(AtomicBool);

    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    /// A link that has lost its driver is polled by another task, which reads first and may have no output to add.
    #[tokio::test]
    async fn a_blocked_socket_wakes_the_task_that_has_read_last() {
        let (mut far, near) = duplex(64);
        let mut socket = WebSocket::new(near, &[], Role::Server);
        let (old, new) = (Arc::<Flag>::default(), Arc::<Flag>::default());
        let (old_waker, new_waker) = (Waker::from(old), Waker::from(Arc::clone(&new)));
        socket.start_send(Bytes::from(vec![7; 1000]).into()).expect("a buffer");
        assert!(socket.poll_flush(&mut Context::from_waker(&old_waker)).is_pending());
        assert!(socket.poll_recv(&mut Context::from_waker(&new_waker)).is_pending());
        far.read_exact(&mut [0; 64]).await.expect("the first bytes");
        assert!(new.0.load(Ordering::Relaxed), "it can write");
    }

    /// A link with a connection.
    fn link() -> Link {
        let mut routes = Routes::default();
        routes.insert(HandlerId::new(1), None, RouteKind::Single).expect("an id");
        let mut link =
            Link::new("peer".into(), Limits::default(), Arc::new(routes), NonZeroU32::MIN);
        let session = Session {
            checksum: true,
            features: Features::all(),
            wall: SystemTime::UNIX_EPOCH,
            peer_message_bytes_max: None,
            peer_requests_bytes_max: None,
            loopback: false,
        };
        link.start(Instant::now().into_std(), session);
        link
    }

    fn request(payload: Bytes) -> CallSpec {
        CallSpec {
            handler: HandlerId::new(1),
            subroute: None,
            payload: Some(payload.into()),
            deadline: None,
            stream: None,
            meta: None,
            wait: false,
        }
    }

    /// Sends requests with these payloads through a pipe that holds `pipe` bytes, and checks that they arrive. Returns how
    /// many parts were read to their place.
    async fn exchange(pipe: usize, from: Role, to: Role, payloads: &[Bytes]) -> usize {
        let (far, near) = duplex(pipe);
        let (mut caller, mut sender) = (link(), WebSocket::new(far, &[], from));
        let (mut callee, mut receiver) = (link(), WebSocket::new(near, &[], to));
        receiver.take_messages_of(1 << 20);
        let now = Instant::now().into_std();
        for payload in payloads {
            caller.start_call(now, &request(payload.clone())).expect("a call");
        }
        let send = async {
            while let Some(message) = caller.poll_transmit(now) {
                sender.start_send(message.seal()).expect("a socket");
                poll_fn(|cx| sender.poll_flush(cx)).await.expect("a socket");
            }
        };
        let receive = async {
            let (mut inbound, mut placed, mut got) = (callee.new_inbound(), 0, Vec::new());
            while got.len() < payloads.len() {
                let received = poll_fn(|cx| receiver.poll_recv_into(cx, &mut inbound)).await;
                match received.expect("a socket") {
                    Received::Message(message) => inbound.push(message),
                    Received::Placed(_) => placed += 1,
                }
                while inbound.decode() {
                    callee.handle_messages(now, &mut inbound).expect("own messages");
                }
                while let Some(event) = callee.poll_event() {
                    if let Event::Serve { payload, .. } = event {
                        got.extend(payload);
                    }
                }
            }
            (placed, got)
        };
        let ((), (placed, mut got)) = tokio::join!(send, receive);
        got.sort_by_key(Bytes::len);
        assert!(got == payloads, "{pipe} bytes, from a {from:?}");
        placed
    }

    #[tokio::test]
    async fn parts_of_large_messages_are_read_to_their_place() {
        let payloads: Vec<_> = [5, 100, 70_000, 200_000, 300_000]
            .into_iter()
            .map(|len| Bytes::from_iter((0..len).map(|n: usize| (n % 253) as u8)))
            .collect();
        for pipe in [1000, 33_000, 100_000, 1 << 20] {
            for (from, to) in [(Role::Client, Role::Server), (Role::Server, Role::Client)] {
                let placed = exchange(pipe, from, to, &payloads).await;
                // Of 3, 7 and 10 parts, the first and the last are not.
                assert_eq!(placed, 14, "{pipe} bytes, from a {from:?}");
            }
        }
    }

    /// Who looks for a close frame after a write has failed finds it behind the rest of a part.
    #[tokio::test]
    async fn the_rest_of_a_part_is_skipped_without_a_place() {
        // In the frame's header, before its place is known, and after that.
        for cut in [3, 20, 20_000] {
            skip_the_rest(cut).await;
        }
    }

    async fn skip_the_rest(cut: usize) {
        let (far, near) = duplex(1 << 20);
        let (mut caller, mut sender) = (link(), WebSocket::new(far, &[], Role::Server));
        let (mut callee, mut receiver) = (link(), WebSocket::new(near, &[], Role::Client));
        receiver.take_messages_of(1 << 20);
        let now = Instant::now().into_std();
        caller.start_call(now, &request(vec![7; 100_000].into())).expect("a call");
        let cx = &mut Context::from_waker(Waker::noop());
        let mut inbound = callee.new_inbound();
        let mut parts =
            std::iter::from_fn(|| caller.poll_transmit(now)).map(crate::proto::Outbound::seal);
        sender.start_send(parts.next().expect("a part")).expect("a socket");
        assert!(sender.poll_flush(cx).is_ready());
        let Poll::Ready(Ok(Received::Message(first))) = receiver.poll_recv_into(cx, &mut inbound)
        else {
            panic!("no part")
        };
        inbound.push(first);
        assert!(inbound.decode());
        callee.handle_messages(now, &mut inbound).expect("a part");
        // A piece of the second part arrives.
        let second = parts.next().expect("a part").to_bytes();
        let mut frame = Vec::new();
        frame::put(&mut frame, Role::Server, Op::Binary, &[&second]);
        let (begin, rest) = frame.split_at(cut);
        sender.stream.write_all(begin).await.expect("room");
        assert!(receiver.poll_recv_into(cx, &mut inbound).is_pending());
        sender.stream.write_all(rest).await.expect("room");
        sender.close(&LinkError::ShutDown, cx);
        let reason = receiver.write_failure(io::ErrorKind::BrokenPipe.into());
        assert!(matches!(reason, LinkError::Closed { code: Some(1001), .. }), "{reason:?}");
    }

    /// Frames that carry a request each.
    async fn frames_of(payloads: &[Bytes], from: Role) -> Vec<u8> {
        let (far, mut near) = duplex(1 << 16);
        let (mut caller, mut sender) = (link(), WebSocket::new(far, &[], from));
        let now = Instant::now().into_std();
        for payload in payloads {
            caller.start_call(now, &request(payload.clone())).expect("a call");
            while let Some(message) = caller.poll_transmit(now) {
                sender.start_send(message.seal()).expect("a socket");
            }
            poll_fn(|cx| sender.poll_flush(cx)).await.expect("a socket");
        }
        drop(sender);
        let mut frames = Vec::new();
        near.read_to_end(&mut frames).await.expect("frames");
        frames
    }

    /// The payloads of the requests in these bytes, up to the error that ends the connection.
    async fn requests_in(bytes: &[u8], to: Role) -> Vec<Bytes> {
        // Nothing follows the bytes.
        let (_, near) = duplex(1);
        let (mut callee, mut receiver) = (link(), WebSocket::new(near, bytes, to));
        receiver.take_messages_of(1 << 20);
        let (mut inbound, mut got) = (callee.new_inbound(), Vec::new());
        while let Ok(received) = poll_fn(|cx| receiver.poll_recv_into(cx, &mut inbound)).await {
            if let Received::Message(message) = received {
                inbound.push(message);
            }
            while inbound.decode() {
                if callee.handle_messages(Instant::now().into_std(), &mut inbound).is_err() {
                    return got;
                }
            }
            while let Some(event) = callee.poll_event() {
                if let Event::Serve { payload, .. } = event {
                    got.extend(payload);
                }
            }
        }
        got
    }

    /// TCP lets some damage pass. Checksums cover messages; here it is the frames around them as well.
    #[tokio::test]
    async fn no_flipped_bit_makes_a_message_disappear_between_others() {
        let payloads: Vec<_> = ["one", "two", "three"].map(Bytes::from).into();
        for (from, to) in [(Role::Client, Role::Server), (Role::Server, Role::Client)] {
            let frames = frames_of(&payloads, from).await;
            assert_eq!(requests_in(&frames, to).await, payloads);
            for bit in 0..8 * frames.len() {
                let mut damaged = frames.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                let got = requests_in(&damaged, to).await;
                assert!(payloads.starts_with(&got), "bit {bit} of a {from:?}'s frames: {got:?}");
            }
        }
    }
}
