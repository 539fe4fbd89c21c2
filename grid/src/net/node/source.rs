//! [`MemberSource`]: where the host list of a running node comes from. member_file.rs and member_dns.rs are two of them;
//! follow.rs applies the lists.

use std::borrow::Cow;
use std::error::Error;
use std::pin::Pin;
use std::time::Duration;

/// The future of [`MemberSource::next`]: the next host list, or why there is none.
pub type NextMembers<'a> =
    Pin<Box<dyn Future<Output = Result<Vec<String>, Box<dyn Error + Send + Sync>>> + Send + 'a>>;

/// How long the calls of a member may take that is missing in a new list, unless the source says otherwise.
const GRACE: Duration = Duration::from_secs(30);

/// Yields host lists, one after the other: for [`Members::follow`](crate::Members::follow) and
/// [`Builder::members_from`](crate::Builder::members_from).
///
/// ```
/// use grid::{MemberSource, NextMembers};
/// use tokio::sync::watch;
///
/// /// The lists of some other part of the program.
/// struct Watched(watch::Receiver<Vec<String>>);
///
/// impl MemberSource for Watched {
///     fn next(&mut self) -> NextMembers<'_> {
///         Box::pin(async {
///             self.0.changed().await?;
///             Ok(self.0.borrow_and_update().clone())
///         })
///     }
/// }
/// ```
pub trait MemberSource: Send + 'static {
    /// Waits for the next list, which should differ from the last one. The node's own name need not be in it.
    ///
    /// After an error the list stays as it is. The error is logged, once a minute if it is always the same, and the node asks
    /// again after a second.
    ///
    /// # Cancel safety
    /// Must be cancel safe: the future is dropped when the node is shut down or follows another source.
    fn next(&mut self) -> NextMembers<'_>;

    /// How long the running calls of a member that is missing in a new list may take. Default: 30 s.
    fn grace(&self) -> Duration {
        GRACE
    }

    /// What this source is, for the log. Default: the name of its type.
    fn name(&self) -> Cow<'_, str> {
        std::any::type_name::<Self>().into()
    }
}

/// A list that does not change, such as `["http://node1:9000", "http://node2:9000"]`. Following it ends that of another
/// source.
impl<H: Into<String> + Send + 'static> MemberSource for Vec<H> {
    fn next(&mut self) -> NextMembers<'_> {
        Box::pin(async {
            match self.is_empty() {
                true => std::future::pending().await,
                false => Ok(self.drain(..).map(Into::into).collect()),
            }
        })
    }
}
