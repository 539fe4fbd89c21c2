//! A stream of `AppendEntries`: requests are sent without waiting for the answers of earlier ones.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{self, Stream, StreamExt as _, TryStreamExt as _};
use grid::{CallError, CodecError, Raw, RemoteError, Requests, Responses, SendError};
use openraft::base::BoxStream;
use openraft::errors::RPCError;
use openraft::raft::{AppendEntriesRequest, StreamAppendResult};
use openraft::{OptionalSend, RPCTypes, RaftTypeConfig};
use tokio::time::{Instant, Sleep};

use crate::target::Target;
use crate::wire::{decode, encode_parts};

/// How long the next request is not asked for while the last one was short and has no answer.
///
/// openraft makes a request of the entries that there are when it is asked for one. Asked at once, it sends a busy leader's entries
/// a few at a time, and each time costs both nodes a turn of everything, and the follower a sync of its disk: with the store of
/// `kv` and 64 clients there were a fifth fewer writes/s. Over a slow line a write waits for this long at most, which is less than
/// the round trip.
const GATHER_MAX: Duration = Duration::from_millis(10);

/// The slowest line that is supported: on a slower one, long requests are always late. A lower value permits slower lines, and gives up
/// requests without an answer later: with this one, a request of [`REQUEST_BYTES`](crate::wire::REQUEST_BYTES) after 32 seconds. A node
/// that is dead is noticed before that, by the pings of grid.
const LINE_BYTES_PER_SECOND_MIN: u32 = 32 << 10;

const APPEND: RPCTypes = RPCTypes::AppendEntries;

type Answer<C> = Result<StreamAppendResult<C>, RPCError<C>>;

/// One open stream.
struct Pipeline<C: RaftTypeConfig, S> {
    to: Target<C>,
    input: S,
    queue: Queue,
    /// `None` when the input has ended.
    requests: Option<Requests<Raw>>,
    answers: Responses<Raw, RemoteError>,
    /// When the next answer is late.
    late: Pin<Box<Sleep>>,
}

/// The requests that were read and are not answered.
struct Queue {
    ttl: Duration,
    /// Parts of the last request that are not sent yet.
    waiting: VecDeque<Raw>,
    /// How long each request may take that is not answered, with those in `waiting`.
    unanswered: VecDeque<Duration>,
    /// Entries of the longest request so far.
    longest: usize,
    /// The end of [`GATHER_MAX`]: then the next request is asked for, whatever is unanswered.
    gathered: Pin<Box<Sleep>>,
    /// Whether the next request is asked for at once: the last one was as long as any, so the next would be no longer later, and
    /// over a slow line any number of long ones are on their way.
    at_once: bool,
}

/// Opens a stream with the first request of `input`, and returns the answers. Nothing happens before the first one is asked for, so that
/// openraft can give up a stream that is being opened.
///
/// The stream ends with the input, or after the first error. Each answer must arrive within `ttl`, and the time that a line with
/// [`LINE_BYTES_PER_SECOND_MIN`] takes for its request, after the one before it, or after its request if that was later. A stream
/// without requests may stay open for any time.
pub(crate) fn answers<'s, C, S>(to: Target<C>, input: S, ttl: Duration) -> BoxStream<'s, Answer<C>>
where
    C: RaftTypeConfig,
    S: Stream<Item = AppendEntriesRequest<C>> + OptionalSend + Unpin + 'static,
{
    let answers = stream::once(Pipeline::open(to, input, ttl)).map_ok(|pipeline| {
        stream::unfold(pipeline, |pipeline| async {
            let mut pipeline = pipeline?;
            let answer = pipeline.next().await?;
            // An error is the last item. What is dropped with it cancels the stream at the other node.
            let pipeline = matches!(answer, Ok(Ok(_))).then_some(pipeline);
            Some((answer, pipeline))
        })
    });
    Box::pin(answers.try_flatten())
}

impl Queue {
    fn new(ttl: Duration) -> Self {
        let (waiting, unanswered) = (VecDeque::new(), VecDeque::new());
        let gathered = Box::pin(tokio::time::sleep(GATHER_MAX));
        Self { ttl, waiting, unanswered, longest: 0, gathered, at_once: true }
    }

    fn push<C: RaftTypeConfig>(
        &mut self,
        request: AppendEntriesRequest<C>,
    ) -> Result<(), CodecError> {
        // One without entries only tells what is committed.
        if !request.entries.is_empty() {
            self.at_once = request.entries.len() >= self.longest;
            self.longest = self.longest.max(request.entries.len());
            self.gathered.as_mut().reset(Instant::now() + GATHER_MAX);
        }
        encode_parts(request, &mut self.waiting)?;
        self.unanswered.extend(self.waiting.iter().map(|part| limit(self.ttl, part)));
        Ok(())
    }

    /// Whether the next request is not asked for yet.
    fn gathers(&self) -> bool {
        !self.unanswered.is_empty() && !self.at_once
    }

    /// How long the next answer may take, or the end of the stream.
    fn limit(&self) -> Duration {
        self.unanswered.front().copied().unwrap_or(self.ttl)
    }
}

impl<C, S> Pipeline<C, S>
where
    C: RaftTypeConfig,
    S: Stream<Item = AppendEntriesRequest<C>> + Unpin,
{
    /// Sends the first request. `None` if there is none.
    async fn open(to: Target<C>, mut input: S, ttl: Duration) -> Result<Option<Self>, RPCError<C>> {
        let mut queue = Queue::new(ttl);
        let Some(request) = input.next().await else { return Ok(None) };
        queue.push(request).map_err(|error| to.unencodable(APPEND, error))?;
        let Some(first) = queue.waiting.pop_front() else { return Ok(None) };
        let limit = queue.limit();
        let late = Box::pin(tokio::time::sleep(limit));
        let opening = to.client()?.stream_append(first);
        let (requests, answers) = to.within(APPEND, limit, opening).await?;
        Ok(Some(Self { to, input, queue, requests: Some(requests), answers, late }))
    }

    /// Sends requests until there is an answer.
    async fn next(&mut self) -> Option<Answer<C>> {
        loop {
            let queue = &mut self.queue;
            let may_read = self.requests.is_some() && queue.waiting.is_empty();
            let gathers = may_read && queue.gathers();
            let may_send = self.requests.is_some() && !queue.waiting.is_empty();
            let may_be_late = self.requests.is_none() || !queue.unanswered.is_empty();
            // All of them can be dropped without a loss.
            tokio::select! {
                biased;
                answer = self.answers.next() => return self.answered(answer),
                sent = send(&mut self.requests, &queue.waiting), if may_send => match sent {
                    Ok(()) => drop(queue.waiting.pop_front()),
                    // The reason is the next answer.
                    Err(SendError::Closed(_)) => self.end(),
                    Err(error) => return Some(Err(self.to.unencodable(APPEND, error))),
                },
                () = &mut queue.gathered, if gathers => queue.at_once = true,
                request = self.input.next(), if may_read && !gathers => match request {
                    Some(request) => {
                        if let Err(error) = self.read(request) {
                            return Some(Err(self.to.unencodable(APPEND, error)));
                        }
                    }
                    // Tells the other node, which answers what is in flight and then ends the stream.
                    None => self.end(),
                },
                () = &mut self.late, if may_be_late => {
                    return Some(Err(self.to.late(APPEND, queue.limit())));
                }
            }
        }
    }

    fn read(&mut self, request: AppendEntriesRequest<C>) -> Result<(), CodecError> {
        let is_first = self.queue.unanswered.is_empty();
        self.queue.push(request)?;
        if is_first {
            self.wait_from_now();
        }
        Ok(())
    }

    /// No further requests are sent. The other node has as long to end the stream as for an answer.
    fn end(&mut self) {
        self.requests = None;
        self.wait_from_now();
    }

    fn wait_from_now(&mut self) {
        self.late.as_mut().reset(Instant::now() + self.queue.limit());
    }

    fn answered(
        &mut self,
        answer: Option<Result<Raw, CallError<RemoteError>>>,
    ) -> Option<Answer<C>> {
        let answer = match answer {
            // As when the other node shuts down.
            None if !self.queue.unanswered.is_empty() => {
                Err(CallError::Handler(RemoteError::new("the raft has stopped answering")))
            }
            None => return None,
            Some(answer) => answer,
        };
        self.queue.unanswered.pop_front();
        self.wait_from_now();
        let answer = answer.and_then(|bytes| decode(&bytes).map_err(CallError::Decode));
        Some(answer.map_err(|error| self.to.error(APPEND, error)))
    }
}

/// How long the answer to a request may take, which includes the time to send it. openraft repeats what was late: without that time,
/// entries that a slow line does not carry within `ttl` would be repeated for ever, and nothing after them sent.
fn limit(ttl: Duration, request: &Raw) -> Duration {
    ttl.saturating_add(Duration::from_secs_f64(
        request.len() as f64 / f64::from(LINE_BYTES_PER_SECOND_MIN),
    ))
}

/// Sends the first part that waits.
async fn send(
    requests: &mut Option<Requests<Raw>>,
    waiting: &VecDeque<Raw>,
) -> Result<(), SendError> {
    match (requests, waiting.front()) {
        (Some(requests), Some(part)) => requests.send(part.clone()).await,
        _ => Ok(()),
    }
}
