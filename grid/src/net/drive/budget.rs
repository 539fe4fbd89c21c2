//! How much a link reads before it answers, how many calls it merges into one message, and how much it writes before it
//! reads. The first two depend on the number of worker threads: with several threads, other tasks run in parallel.

use crate::net::serve::workers::Workers;
use crate::proto::{Limits, Outbound, PART_BYTES};

/// Bytes read in one round. With eight times as many, both ends run in lockstep: one writes while the other reads.
const BYTES_MAX: usize = 32 * 1024;

/// Messages, mostly merged ones, read in a round while the link keeps up. Their requests are answered before more is
/// read, so both ends work in parallel. If a burst of 64 calls is read at once, it is answered at once, and each end is
/// idle while the other works.
const MESSAGES_MIN: usize = 1;

/// Maximum of messages read in a round. The budget grows to it while the link does not keep up: a backlog is answered
/// faster with fewer, larger writes.
const MESSAGES_MAX: usize = 64;

/// Calls in one merged message if all tasks share one thread. Smaller messages do not help then, because no other
/// thread could start with the first calls. With 24, and with 51, one thread did 2 % fewer calls at c=64.
const CALLS_MERGED_ALONE: u32 = 32;

/// The limits of a link whose tasks run on these workers.
pub(super) fn limits_of(workers: &Workers, limits: Limits) -> Limits {
    if workers.are_several() {
        limits
    } else {
        Limits { calls_merged_max: CALLS_MERGED_ALONE, ..limits }
    }
}

/// How much the next round may read.
#[derive(Debug)]
pub(super) struct ReadBudget {
    messages: usize,
    messages_min: usize,
}

impl ReadBudget {
    /// Creates the budget of a task on these workers. If all tasks share one thread, no other task runs while a message is
    /// answered, so small reads only cost time.
    pub(super) fn of(workers: &Workers) -> Self {
        Self::with_several(workers.are_several())
    }

    fn with_several(workers: bool) -> Self {
        let messages_min = if workers { MESSAGES_MIN } else { MESSAGES_MAX };
        Self { messages: messages_min, messages_min }
    }

    /// Whether a round that has read this many messages and bytes may read another message.
    pub(super) fn allows(&self, messages: usize, bytes: usize) -> bool {
        messages < self.messages && bytes < BYTES_MAX
    }

    /// Called when a round has used its whole budget, and there may be more to read.
    pub(super) fn grow(&mut self) {
        self.messages = (2 * self.messages).min(MESSAGES_MAX);
    }

    /// Called when a round has read all available input.
    pub(super) fn shrink(&mut self) {
        self.messages = self.messages_min;
    }
}

/// Bytes of large messages that a round writes to the socket before it reads again. Without this limit large messages
/// fill the kernel's buffers, where small calls cannot overtake them.
const LARGE_BYTES: usize = 32 * 1024;

/// The same while the link carries nothing else. Fewer, longer writes make echoes of a MiB a fifth faster.
const LARGE_BYTES_ALONE: usize = 256 * 1024;

/// Bytes of large messages after which the link carries nothing else, if no small message was among them. One small
/// caller beside large echoes has a message in each half MiB.
const ALONE_AFTER_BYTES: usize = 2 * 1024 * 1024;

/// How much a round writes of large messages.
#[derive(Debug, Default)]
pub(super) struct WriteBudget {
    /// Bytes of large messages in this round.
    round: usize,
    /// Bytes of large messages since the last small one.
    alone: usize,
}

impl WriteBudget {
    /// Begins a round.
    pub(super) fn begin(&mut self) {
        self.round = 0;
    }

    /// A message is written.
    #[inline]
    pub(super) fn note(&mut self, message: &Outbound) {
        match message {
            Outbound::Whole(bytes) if bytes.len() < PART_BYTES => self.alone = 0,
            Outbound::Whole(_) | Outbound::Around(_) => {
                self.round += message.len();
                self.alone = self.alone.saturating_add(message.len());
            }
        }
    }

    /// Whether the round may write another message.
    #[inline]
    pub(super) fn allows_more(&self) -> bool {
        let is_alone = self.alone >= ALONE_AFTER_BYTES;
        self.round < if is_alone { LARGE_BYTES_ALONE } else { LARGE_BYTES }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn round(budget: &ReadBudget, bytes_each: usize) -> usize {
        (0..).take_while(|read| budget.allows(*read, read * bytes_each)).count()
    }

    #[test]
    fn a_backlog_is_read_in_growing_pieces() {
        let mut budget = ReadBudget::with_several(true);
        let mut rounds = Vec::new();
        for _ in 0..8 {
            rounds.push(round(&budget, 100));
            budget.grow();
        }
        assert_eq!(rounds, [1, 2, 4, 8, 16, 32, 64, 64]);
        assert_eq!(round(&budget, 16 * 1024), 2, "of large ones, fewer");
        assert_eq!(round(&budget, 1 << 20), 1, "and never none");
        budget.shrink();
        assert_eq!(round(&budget, 100), 1);
    }

    fn calls_merged_here() -> u32 {
        limits_of(&Workers::here(), Limits::default()).calls_merged_max
    }

    #[tokio::test]
    async fn one_thread_puts_more_calls_into_a_message() {
        assert_eq!(calls_merged_here(), CALLS_MERGED_ALONE);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn two_put_as_many_as_keep_both_busy() {
        assert_eq!(calls_merged_here(), Limits::default().calls_merged_max);
    }

    #[test]
    fn one_thread_reads_what_there_is() {
        assert_eq!(round(&ReadBudget::with_several(false), 100), MESSAGES_MAX);
    }

    #[test]
    fn large_messages_are_written_in_longer_rounds_while_nothing_else_is_sent() {
        let part = Outbound::around(
            Bytes::from_static(b"head"),
            Bytes::from(vec![7; LARGE_BYTES]),
            Bytes::new(),
            false,
        );
        let whole = Outbound::from(Bytes::from(vec![7; LARGE_BYTES + 4]));
        assert_rounds(&part);
        assert_rounds(&whole);
    }

    /// Checks how many of these messages are written in a round.
    #[track_caller]
    fn assert_rounds(message: &Outbound) {
        let mut budget = WriteBudget::default();
        let mut round = || {
            budget.begin();
            (0..100)
                .take_while(|_| budget.allows_more().then(|| budget.note(message)).is_some())
                .count()
        };
        let before = ALONE_AFTER_BYTES / message.len();
        assert!((0..before).all(|_| round() == 1));
        assert_eq!(round(), LARGE_BYTES_ALONE / message.len() + 1);
        budget.note(&Bytes::from_static(b"a small one").into());
        budget.begin();
        budget.note(message);
        assert!(!budget.allows_more());
    }
}
