//! [`Spy`]: notes the arguments of the calls of one method of a mock, and how many there must be.

use std::fmt;
use std::ops::RangeInclusive;
use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use self::sealed::Described;
use crate::MethodInfo;
use crate::rpc::{ArgTuple, ClientStreamMethod, Method, ServerStreamMethod, TwoWayMethod};

/// How long [`Spy::wait_for`] waits.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The calls that are kept at most, so that a test that calls in a loop fails before its memory is full.
const CALLS_MAX: usize = 1 << 20;

/// How many calls a panic shows.
const SHOWN_MAX: usize = 20;

/// Records the arguments of the calls of one method, which a [`Mock`](crate::Mock) or a handler of the test answers.
///
/// What is expected can be said before, and is checked when the spy is dropped; or it is asserted after the calls.
///
/// ```
/// use grid::Mock;
/// use grid::testing::Spy;
///
/// # #[grid::service]
/// # trait Clock { async fn add(&self, a: u64, b: u64) -> u64; }
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let adds = Spy::on(ClockClient::ADD).exactly(2);
/// let mock = Mock::new().on(ClockClient::ADD, adds.answering(|(a, b)| Ok(a + b)));
/// let clock = ClockClient::new(mock.connection());
/// clock.add(1, 2).await.unwrap();
/// clock.add(3, 4).await.unwrap();
/// adds.assert_called_with(&(3, 4));
/// assert_eq!(adds.calls(), [(1, 2), (3, 4)]);
/// # }
/// ```
#[must_use = "a spy checks what it expects when it is dropped"]
pub struct Spy<A: fmt::Debug> {
    /// Such as `Store/get`.
    method: String,
    noted: Arc<Noted<A>>,
    expected: Option<RangeInclusive<usize>>,
}

/// What a spy has noted.
struct Noted<A> {
    calls: Mutex<Vec<A>>,
    /// How many calls there were.
    count: watch::Sender<usize>,
}

impl<A> Noted<A> {
    fn calls(&self) -> MutexGuard<'_, Vec<A>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, args: A) {
        let mut calls = self.calls();
        if calls.len() < CALLS_MAX {
            calls.push(args);
        }
        self.count.send_modify(|count| *count += 1);
    }
}

impl<A: fmt::Debug + Send + 'static> Spy<A> {
    /// Creates a spy for a method, given by the constant of the client: `Spy::on(StoreClient::GET)`. Streams have one as well.
    pub fn on(method: &impl Described<Args = A>) -> Self {
        let info = method.described();
        Self {
            method: format!("{}/{}", info.service(), info.name()),
            noted: Arc::new(Noted { calls: Mutex::default(), count: watch::Sender::new(0) }),
            expected: None,
        }
    }

    /// Expects this many calls, when the spy is dropped or [verified](Self::verify).
    pub fn exactly(mut self, count: usize) -> Self {
        self.expected = Some(count..=count);
        self
    }

    /// Expects this many calls or more, when the spy is dropped or [verified](Self::verify).
    pub fn at_least(mut self, count: usize) -> Self {
        self.expected = Some(count..=usize::MAX);
        self
    }

    /// Returns a closure that notes the arguments and then answers: for [`Mock::on`](crate::Mock::on).
    pub fn answering<O, E, F>(
        &self,
        answer: F,
    ) -> impl Fn(A) -> Result<O, E> + Send + Sync + use<A, O, E, F>
    where
        A: Clone,
        F: Fn(A) -> Result<O, E> + Send + Sync + 'static,
    {
        let notes = self.notes();
        move |args| {
            notes.note(args.clone());
            answer(args)
        }
    }

    /// Returns what notes calls, for mocks of streams and for handlers of the test:
    ///
    /// ```
    /// # use grid::{Mock, Outgoing, RemoteError};
    /// # use grid::testing::Spy;
    /// # #[grid::service]
    /// # trait Clock { async fn ticks(&self, count: u64, out: Outgoing<u64>) -> Result<(), RemoteError>; }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let ticks = Spy::on(ClockClient::TICKS);
    /// let notes = ticks.notes();
    /// let mock = Mock::new().on_server_stream(ClockClient::TICKS, move |args: (u64,), mut out| {
    ///     notes.note(args);
    ///     async move {
    ///         out.send(args.0).await?;
    ///         Ok(())
    ///     }
    /// });
    /// # let mut items = ClockClient::new(mock.connection()).ticks(7).await.unwrap();
    /// # assert_eq!(items.next().await.unwrap().unwrap(), 7);
    /// ticks.assert_called_with(&(7,));
    /// # }
    /// ```
    pub fn notes(&self) -> Notes<A> {
        Notes(Arc::clone(&self.noted))
    }

    /// How many calls there were.
    pub fn count(&self) -> usize {
        *self.noted.count.borrow()
    }

    /// The arguments of all calls, in the order in which they arrived.
    ///
    /// # Panics
    /// If there were more than 1048576.
    #[track_caller]
    pub fn calls(&self) -> Vec<A>
    where
        A: Clone,
    {
        let noted = self.noted.calls();
        // Counted under the same lock.
        let (calls, count) = (noted.clone(), self.count());
        drop(noted);
        assert!(
            calls.len() == count,
            "{} was called more than {CALLS_MAX} times, which is how many calls are kept",
            self.method
        );
        calls
    }

    /// Waits until there were this many calls or more.
    ///
    /// # Panics
    /// If there were less after 30 seconds: the text names the method and its calls.
    ///
    /// # Cancel safety
    /// Cancel safe.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> impl Future<Output = ()> + Send + '_ {
        let at = Location::caller();
        async move {
            let mut counts = self.noted.count.subscribe();
            let arrived = counts.wait_for(|now| *now >= count);
            // The spy holds the sender, so only time can run out.
            if tokio::time::timeout(TIMEOUT, arrived).await.is_err() {
                let text = self.mismatch(&(count..=usize::MAX));
                panic!("{at}: after {TIMEOUT:?}, {text}");
            }
        }
    }

    /// Asserts that there were exactly this many calls.
    ///
    /// # Panics
    /// If there were not: the text names the method and its calls.
    #[track_caller]
    pub fn assert_count(&self, count: usize) {
        self.check(&(count..=count));
    }

    /// Asserts that one of the calls, or more, had these arguments.
    ///
    /// # Panics
    /// If none had: the text names the method and its calls.
    #[track_caller]
    pub fn assert_called_with(&self, args: &A)
    where
        A: PartialEq,
    {
        let is_found = self.noted.calls().contains(args);
        assert!(is_found, "{} was not called with {args:?}{}", self.method, self.shown());
    }

    /// Checks what was expected by [`exactly`](Self::exactly) or [`at_least`](Self::at_least). Dropping the spy does the same.
    ///
    /// # Panics
    /// If there were more or less calls: the text names the method and its calls.
    #[track_caller]
    pub fn verify(mut self) {
        if let Some(expected) = self.expected.take() {
            self.check(&expected);
        }
    }
}

impl<A: fmt::Debug> Spy<A> {
    #[track_caller]
    fn check(&self, expected: &RangeInclusive<usize>) {
        let count = *self.noted.count.borrow();
        assert!(expected.contains(&count), "{}", self.mismatch(expected));
    }

    fn mismatch(&self, expected: &RangeInclusive<usize>) -> String {
        let count = *self.noted.count.borrow();
        let times = if count == 1 { "time" } else { "times" };
        let more = if *expected.end() == usize::MAX { " or more" } else { "" };
        let (method, least) = (&self.method, expected.start());
        format!("{method} was called {count} {times}, expected {least}{more}{}", self.shown())
    }

    /// The first calls, as lines.
    fn shown(&self) -> String {
        let calls = self.noted.calls();
        let shown = calls.iter().take(SHOWN_MAX).map(|args| format!("\n  {args:?}"));
        let more = calls.len().saturating_sub(SHOWN_MAX);
        let rest = if more > 0 { format!("\n  and {more} more") } else { String::new() };
        let title = if calls.is_empty() { "" } else { "; its calls were" };
        format!("{title}{}{rest}", shown.collect::<String>())
    }
}

impl<A: fmt::Debug> Drop for Spy<A> {
    fn drop(&mut self) {
        // A second panic would abort the test, and hide the first one.
        if let Some(expected) = self.expected.take().filter(|_| !std::thread::panicking()) {
            self.check(&expected);
        }
    }
}

impl<A: fmt::Debug> fmt::Debug for Spy<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spy").field("method", &self.method).finish_non_exhaustive()
    }
}

/// Notes the calls of a method, from [`Spy::notes`]. Cheap to clone.
pub struct Notes<A>(Arc<Noted<A>>);

impl<A> Notes<A> {
    /// Notes a call with these arguments.
    pub fn note(&self, args: A) {
        self.0.note(args);
    }
}

impl<A> Clone for Notes<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A> fmt::Debug for Notes<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notes")
    }
}

mod sealed {
    use crate::MethodInfo;

    /// A method of any shape, in a module that other crates cannot name.
    #[expect(unnameable_types, reason = "only the constants of clients are methods")]
    pub trait Described {
        type Args;
        fn described(&self) -> &MethodInfo;
    }
}

macro_rules! described {
    ($($Method:ident[$($Input:ident)?]),*) => {$(
        impl<A: ArgTuple, $($Input,)? O, E> Described for $Method<A, $($Input,)? O, E> {
            type Args = A;

            fn described(&self) -> &MethodInfo {
                self.info()
            }
        }
    )*};
}

described!(ServerStreamMethod[], ClientStreamMethod[I], TwoWayMethod[I]);

impl<A: ArgTuple, O, E, K> Described for Method<A, O, E, K> {
    type Args = A;

    fn described(&self) -> &MethodInfo {
        self.info()
    }
}
