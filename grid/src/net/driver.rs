//! The one task per link: it moves messages between the link and the transport, and starts handlers.
//!
//! One round: hand out what waits and flush without waiting, read a little, let the link make sense of it, wake and serve
//! outside the lock, answer. Reading goes on while a write is blocked, or two busy peers would wait for each other for
//! ever; what is bounded then is the link's outbox, by making callers wait.
//!
//! When a round has started or woken several others, the driver lets them run before it looks again, so that what they
//! have to say leaves in one batch; after a single one it parks at once, for the sake of latency.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Instant;

use tokio::task::coop;
use tokio::time::Sleep;

use super::budget::ReadBudget;
use super::dispatch::{self, Replies};
use super::peer::{Peer, Round, now};
use super::transport::Transport;
use crate::proto::{Inbound, Link, PART_BYTES};

/// From this length on a message is a large one or a part of one: it was not joined with others.
const LARGE_MESSAGE_BYTES: usize = PART_BYTES;

/// Bytes of large messages that a round hands to the socket before it reads again. Without it one end fills the buffers of
/// the kernel, where small calls cannot overtake, faster than the other empties them.
const LARGE_WRITE_BUDGET_BYTES: usize = 32 * 1024;

/// By how much less than a small message a large one counts in the budget of reading. Small ones set tasks going, which
/// should have their turn soon; a large one is only put to the others.
const LARGE_READ_DISCOUNT: usize = 4;

/// Answers of handlers that were done at once, after which they go to the link. An allocator has memory at hand for about
/// so many of one size; with 24, one thread did 3 % fewer calls.
const REPLIES_MAX: usize = 6;

/// Others that a round must have set going for the driver to let them run first.
const BATCH_MIN: usize = 2;

/// Rounds in a row, of those that set nobody going, or one, before others have their turn: behind a single call there is
/// mostly nothing more, and to find that out after everybody else's turn costs as much as the call. With eight, two-way
/// streams lost a third; two and three were as good within the noise.
const ROUNDS_MAX: u32 = 4;

/// The task of a link, as a future that ends with the connection and gives the reason.
pub(super) struct Driver<'a, T: ?Sized> {
    peer: &'a Arc<Peer>,
    /// `None`: the link is down, and only time passes.
    transport: Option<&'a mut T>,
    inbound: Inbound,
    round: Round,
    replies: Replies,
    sleep: Pin<Box<Sleep>>,
    /// What `sleep` is set to; an earlier one than needed is as good.
    sleeps_until: Option<Instant>,
    /// Whom `sleep` wakes, as it is set now.
    sleeper: Option<Waker>,
    budget: ReadBudget,
    /// The link has, or may have, something to send.
    has_output: bool,
}

impl<'a, T: Transport + ?Sized> Driver<'a, T> {
    pub(super) fn new(peer: &'a Arc<Peer>, transport: Option<&'a mut T>) -> Self {
        Self {
            peer,
            transport,
            inbound: peer.lock().link.new_inbound(),
            round: Round::default(),
            replies: Replies::new(),
            sleep: Box::pin(tokio::time::sleep_until(tokio::time::Instant::now())),
            sleeps_until: None,
            sleeper: None,
            budget: ReadBudget::of_this_runtime(),
            has_output: true,
        }
    }

    /// Hands waiting messages to the transport and flushes it, as far as it goes.
    fn poll_output(&mut self, now: Instant, cx: &mut Context<'_>) -> Result<(), String> {
        let Some(transport) = &mut self.transport else { return Ok(()) };
        let mut large = 0;
        loop {
            let takes_more = transport.has_room() && large < LARGE_WRITE_BUDGET_BYTES;
            if (self.has_output && takes_more) || !self.replies.is_empty() {
                // One message at a time, so that callers get at the lock while the socket is written.
                let mut shared = self.peer.lock();
                hand_over(&self.replies, &mut shared.link);
                let message = if takes_more { shared.link.poll_transmit(now) } else { None };
                shared.drain(&mut self.round);
                self.has_output = shared.link.wants_transmit();
                shared.unflushed |= message.is_some();
                drop(shared);
                self.replies.clear();
                if let Some(message) = message {
                    if message.len() >= LARGE_MESSAGE_BYTES {
                        large += message.len();
                    }
                    transport.start_send(message).map_err(|error| error.to_string())?;
                    continue;
                }
            }
            let blocked = transport.poll_flush(cx).map_err(|error| error.to_string())?.is_pending();
            let goes_on = self.has_output && large < LARGE_WRITE_BUDGET_BYTES;
            if blocked || !goes_on || !transport.has_room() {
                return Ok(());
            }
        }
    }

    /// Reads what has come, up to the budget. An error is kept until what came before it has been dealt with.
    fn poll_input(&mut self, cx: &mut Context<'_>) -> Result<Input, String> {
        let Some(transport) = &mut self.transport else { return Ok(Input::Dry) };
        let mut bytes = 0;
        while self.budget.allows(self.inbound.len(), bytes) {
            match transport.poll_recv(cx) {
                Poll::Ready(Ok(message)) => {
                    let discount = match message.len() {
                        LARGE_MESSAGE_BYTES.. => LARGE_READ_DISCOUNT,
                        _ => 1,
                    };
                    bytes += message.len() / discount;
                    self.inbound.push(message);
                }
                Poll::Ready(Err(error)) => return Err(error.to_string()),
                Poll::Pending => {
                    self.budget.shrink();
                    return Ok(Input::Dry);
                }
            }
        }
        self.budget.grow();
        Ok(Input::More)
    }

    /// Lets the link make sense of what came, then does what follows from it. Gives the number of those it set going.
    fn process(&mut self, now: Instant) -> Result<usize, String> {
        // Wakes whoever the output has set going, too.
        let mut set_going = self.settle();
        let mut is_due = self.sleeps_until.take_if(|until| *until <= now).is_some();
        while self.inbound.decode() || is_due {
            is_due = false;
            let mut shared = self.peer.lock();
            shared.driver.asleep = false;
            let link = &mut shared.link;
            let mut outcome = link.handle_messages(now, &mut self.inbound);
            // What is late may have its answer among what is still to be decoded.
            let is_late = link.poll_timeout().is_some_and(|timeout| timeout <= now);
            if outcome.is_ok() && is_late && self.inbound.is_done() {
                outcome = link.handle_timeout(now, &mut self.inbound);
            }
            self.has_output = link.wants_transmit();
            shared.drain(&mut self.round);
            drop(shared);
            set_going += self.settle();
            outcome.map_err(|error| {
                tracing::warn!(%error, "the peer broke the protocol");
                error.to_string()
            })?;
        }
        Ok(set_going)
    }

    /// Wakes and serves whom the link has named, and gives their number. Handlers count even where they are done at once:
    /// the peer's next move is as good as a task's.
    fn settle(&mut self) -> usize {
        let set_going = self.round.wakers.len() + self.round.serve.len();
        self.round.settle();
        if !self.round.serve.is_empty() {
            let mut serve = std::mem::take(&mut self.round.serve);
            for event in serve.drain(..) {
                dispatch::serve(self.peer, event, &mut self.replies);
                if self.replies.len() >= REPLIES_MAX {
                    self.answer();
                }
            }
            self.round.serve = serve;
        }
        set_going
    }

    /// Hands the answers of handlers that were done at once to the link.
    fn answer(&mut self) {
        let mut shared = self.peer.lock();
        hand_over(&self.replies, &mut shared.link);
        shared.drain(&mut self.round);
        drop(shared);
        self.has_output = true;
        self.replies.clear();
        self.round.settle();
    }

    /// Whether there is something to send, as far as is known.
    fn wants_output(&self) -> bool {
        self.has_output || !self.replies.is_empty()
    }

    /// Whether something can be sent now.
    fn takes_output(&self) -> bool {
        self.transport.as_ref().is_some_and(|transport| transport.has_room())
    }

    /// Goes to sleep, unless there is something to do after all.
    fn park(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let takes_output = self.takes_output();
        let mut shared = self.peer.lock();
        if takes_output && shared.link.wants_transmit() {
            self.has_output = true;
            return Poll::Ready(());
        }
        shared.unflushed = self.transport.as_ref().is_some_and(|transport| !transport.is_flushed());
        let drained = shared.link.is_closing() && shared.is_drained();
        let until = shared.link.poll_timeout();
        if self.set_sleep(until, cx).is_ready() {
            return Poll::Ready(());
        }
        shared.driver.park(cx.waker(), self.sleeps_until, takes_output);
        drop(shared);
        if drained {
            self.peer.drained.notify_waiters();
        }
        Poll::Pending
    }

    /// Sees to it that the driver is woken at this time, or earlier. Ready if that time has come.
    fn set_sleep(&mut self, until: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        if until != self.sleeps_until {
            // Waking too early is harmless, and most deadlines never come: an earlier setting stays.
            let earlier = match (until, self.sleeps_until) {
                (Some(until), Some(set)) => until < set || set <= now(),
                (Some(_), None) => true,
                (None, _) => false,
            };
            if let (true, Some(until)) = (earlier, until) {
                self.sleep.as_mut().reset(until.into());
                self.sleeps_until = Some(until);
                self.sleeper = None;
            }
        }
        if self.sleeps_until.is_none() {
            return Poll::Pending;
        }
        // To ask it again takes the runtime as long as to send a message takes us.
        if self.sleeper.as_ref().is_some_and(|sleeper| sleeper.will_wake(cx.waker())) {
            return if self.sleep.is_elapsed() { Poll::Ready(()) } else { Poll::Pending };
        }
        // A task that has used up its budget is asked again, and nothing is kept of it.
        self.sleeper = coop::has_budget_remaining().then(|| cx.waker().clone());
        self.sleep.as_mut().poll(cx)
    }
}

/// The answers stay where they are: what is of the user's is not dropped under the lock.
fn hand_over(replies: &Replies, link: &mut Link) {
    for (key, outcome) in replies {
        link.reply(*key, outcome);
    }
}

impl<T: ?Sized> Drop for Driver<'_, T> {
    /// Whoever was taken out of the link to be woken is, however this ends: the link does not know them any more.
    fn drop(&mut self) {
        self.round.settle();
    }
}

/// Whether more can be read at once.
#[derive(Debug, PartialEq, Eq)]
enum Input {
    More,
    Dry,
}

impl<T: Transport + ?Sized> Future for Driver<'_, T> {
    type Output = String;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<String> {
        let this = &mut *self;
        this.has_output |= this.peer.was_called();
        let mut now = now();
        for round in 0..ROUNDS_MAX {
            if let Err(reason) = this.poll_output(now, cx) {
                return Poll::Ready(reason);
            }
            let input = this.poll_input(cx);
            if round > 0 && this.inbound.len() > 0 {
                now = self::now();
            }
            let set_going = match this.process(now) {
                Ok(set_going) => set_going,
                Err(reason) => {
                    if let Some(transport) = &mut this.transport {
                        transport.close(cx);
                    }
                    return Poll::Ready(reason);
                }
            };
            match input {
                Err(reason) => return Poll::Ready(reason),
                Ok(_) if set_going >= BATCH_MIN => break,
                Ok(Input::More) => {}
                Ok(Input::Dry) if this.wants_output() && this.takes_output() => {}
                Ok(Input::Dry) => {
                    if !this.replies.is_empty() {
                        // The socket takes nothing, but the link is to know that the calls are over.
                        this.answer();
                    }
                    ready!(this.park(cx));
                    now = self::now();
                }
            }
        }
        // What the others will have to say goes first.
        this.has_output = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use bytes::{Bytes, BytesMut};

    use super::super::life::start_loopback;
    use super::super::registry::{RawHandler, Registry, RunSingle};
    use super::super::transport::TransportError;
    use super::*;
    use crate::proto::Limits;
    use crate::proto::wire::{Frame, Header, MuxId, Op, Ping, Timestamp, merged};

    /// Gives messages and counts what is sent.
    struct Script {
        messages: Box<dyn Iterator<Item = Bytes> + Send>,
        sent: usize,
        /// The socket takes nothing.
        blocked: bool,
    }

    impl Script {
        fn new(messages: impl Iterator<Item = Bytes> + Send + 'static) -> Self {
            Self { messages: Box::new(messages), sent: 0, blocked: false }
        }
    }

    impl Transport for Script {
        fn has_room(&self) -> bool {
            !self.blocked
        }

        fn start_send(&mut self, _: Bytes) -> Result<(), TransportError> {
            self.sent += 1;
            Ok(())
        }

        fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
            if self.blocked { Poll::Pending } else { Poll::Ready(Ok(())) }
        }

        fn is_flushed(&self) -> bool {
            !self.blocked
        }

        fn poll_recv(&mut self, _: &mut Context<'_>) -> Poll<Result<Bytes, TransportError>> {
            self.messages.next().map_or(Poll::Pending, |message| Poll::Ready(Ok(message)))
        }

        fn close(&mut self, _: &mut Context<'_>) {}
    }

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A peer whose link is up, and a handler with the id 9 that answers at once.
    fn peer() -> Arc<Peer> {
        let mut registry = Registry::new();
        let run: Arc<RunSingle> = Arc::new(|_, payload| Box::pin(async move { Ok(payload) }));
        let handler = RawHandler::Single { run, inline: true };
        registry.insert("echo".into(), 9.into(), None, handler).expect("the only one");
        let peer = Peer::new("a".into(), "b".into(), Limits::default(), registry.into());
        start_loopback(&peer);
        peer
    }

    fn message(header: Header, payload: Option<&[u8]>) -> Bytes {
        Frame::new(header, payload).to_bytes()
    }

    fn ping() -> Bytes {
        message(Header::new(Op::Ping), Some(&Ping { time: Timestamp::GO_ZERO }.encode()))
    }

    fn request() -> Bytes {
        let header =
            Header { mux: MuxId(1), deadline_ms: 1000, handler: 9, ..Header::new(Op::Request) };
        message(header, Some(b"x"))
    }

    /// Messages as one.
    fn merged(messages: impl ExactSizeIterator<Item = Bytes>) -> Bytes {
        let mut out = BytesMut::new();
        merged::write_header(messages.len() as u32, &mut out);
        for message in messages {
            merged::write_part_prefix(message.len(), &mut out);
            out.extend_from_slice(&message);
        }
        out.freeze()
    }

    /// Polls a driver once; tells whether it asked for another turn.
    fn turn(peer: &Arc<Peer>, script: &mut Script) -> bool {
        let wakes = Arc::new(Wakes::default());
        let waker = Arc::clone(&wakes).into();
        let mut driver = Driver::new(peer, Some(script));
        let polled = Pin::new(&mut driver).poll(&mut Context::from_waker(&waker));
        assert_eq!(polled, Poll::Pending);
        wakes.0.load(Ordering::Relaxed) > 0
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_single_message_is_answered_without_another_turn() {
        for (pings, pongs) in [(0, 0), (1, 1)] {
            let mut script = Script::new(std::iter::repeat_n(ping(), pings));
            assert!(!turn(&peer(), &mut script), "answered, and asleep");
            assert_eq!(script.sent, pongs);
        }
    }

    #[tokio::test]
    async fn a_socket_that_takes_nothing_is_waited_for_asleep() {
        for message in [ping(), request()] {
            let peer = peer();
            let mut script = Script { blocked: true, ..Script::new([message].into_iter()) };
            assert!(!turn(&peer, &mut script), "with an answer to send");
            assert_eq!(script.sent, 0);
            let shared = peer.lock();
            assert!(shared.link.wants_transmit() && shared.link.in_flight() == (0, 0));
        }
    }

    #[tokio::test]
    async fn an_answer_is_sent_whatever_is_decoded_behind_it() {
        let nothing = || message(Header::new(Op::Disconnect), None);
        let messages = std::iter::once(request()).chain(std::iter::repeat_with(nothing)).take(100);
        let all = merged(messages.collect::<Vec<_>>().into_iter());
        let mut script = Script::new(std::iter::once(all));
        turn(&peer(), &mut script);
        assert_eq!(script.sent, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_come_counts_before_what_is_due() {
        let peer = peer();
        // Stalled for so long that the last pong seems too old; but one has come, behind other things.
        tokio::time::advance(std::time::Duration::from_secs(21)).await;
        let pong = message(
            Header::new(Op::Pong),
            Some(&crate::proto::wire::Pong::to(Ping { time: Timestamp::GO_ZERO }).encode()),
        );
        let nothing = message(Header::new(Op::Disconnect), None);
        let all = merged([vec![nothing; 99], vec![pong]].concat().into_iter());
        let mut script = Script::new(std::iter::once(all));
        turn(&peer, &mut script);
        assert_eq!(script.sent, 1, "the link lives, and pings");
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_without_budget_is_woken_in_time_all_the_same() {
        let peer = peer();
        let mut script = Script::new(std::iter::empty());
        let mut driver = Driver::new(&peer, Some(&mut script));
        let driven = std::future::poll_fn(|cx| {
            while coop::has_budget_remaining() {
                if let Poll::Ready(restore) = coop::poll_proceed(cx) {
                    restore.made_progress();
                }
            }
            Pin::new(&mut driver).poll(cx)
        });
        // A budget that is always used up would hide what is looked for: only the first turn is without.
        let mut driven = Box::pin(driven);
        let first = std::future::poll_fn(|cx| Poll::Ready(driven.as_mut().poll(cx))).await;
        assert_eq!(first, Poll::Pending);
        drop(driven);
        tokio::select! {
            biased;
            // Asked first, so that it is not its waking that makes the driver look at the clock.
            () = tokio::time::sleep(std::time::Duration::from_secs(11)) => {}
            reason = &mut driver => panic!("the link lives: {reason}"),
        }
        drop(driver);
        assert_eq!(script.sent, 1, "a ping after ten seconds");
    }

    #[tokio::test]
    async fn whoever_is_to_be_woken_is_when_the_link_breaks() {
        let peer = peer();
        let wakes = Arc::new(Wakes::default());
        let mut driver = Driver::<Script>::new(&peer, None);
        driver.round.wakers.push(Arc::clone(&wakes).into());
        drop(driver);
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_peer_that_never_stops_does_not_keep_the_others_from_their_turn() {
        assert!(turn(&peer(), &mut Script::new(std::iter::repeat(ping()))));
    }
}
