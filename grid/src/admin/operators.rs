//! [`Operators`]: who may call the service, and the filter of the log.

use std::fmt;
use std::sync::Arc;

use crate::Denied;
use crate::net::CallInfo;
use crate::net::PermitHook;

/// Who may look into a node, for [`Builder::admin`](crate::Builder::admin).
#[derive(Clone)]
pub struct Operators {
    pub(super) permit: Arc<PermitHook>,
    pub(super) log: Option<Arc<dyn LogFilter>>,
}

impl Operators {
    /// Those whose calls this hook permits. It is asked for each call of the service, after
    /// [`Builder::permit`](crate::Builder::permit), which must permit the call as well.
    ///
    /// Operators see names of nodes, of guests and of methods, sizes and durations of calls, and the texts of errors, but no
    /// payloads. They can change what is logged, if there is a [`log_filter`](Self::log_filter), and nothing else.
    pub fn permit(hook: impl Fn(&CallInfo) -> Result<(), Denied> + Send + Sync + 'static) -> Self {
        Self { permit: Arc::new(hook), log: None }
    }

    /// Lets operators read and set what is logged. Default: they cannot.
    #[must_use]
    pub fn log_filter(self, filter: impl LogFilter) -> Self {
        Self { log: Some(Arc::new(filter)), ..self }
    }
}

impl fmt::Debug for Operators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operators")
            .field("has_log_filter", &self.log.is_some())
            .finish_non_exhaustive()
    }
}

/// What of a program's log is written, as text that the program understands, for [`Operators::log_filter`].
///
/// The example program `node` replaces the level of its subscriber, with the `reload` of tracing-subscriber. This one knows two
/// words:
///
/// ```
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// use grid::admin::LogFilter;
///
/// struct Verbose(AtomicBool);
///
/// impl LogFilter for Verbose {
///     fn get(&self) -> String {
///         let is_on = self.0.load(Ordering::Relaxed);
///         if is_on { "verbose" } else { "quiet" }.to_owned()
///     }
///
///     fn set(&self, filter: &str) -> Result<(), String> {
///         let is_on = match filter {
///             "verbose" => true,
///             "quiet" => false,
///             _ => return Err("neither `verbose` nor `quiet`".to_owned()),
///         };
///         self.0.store(is_on, Ordering::Relaxed);
///         Ok(())
///     }
/// }
/// ```
pub trait LogFilter: Send + Sync + 'static {
    /// The filter as text, such as `info,grid=debug`.
    fn get(&self) -> String;

    /// Replaces the filter.
    ///
    /// # Errors
    /// Why this is no filter, as a text for the operator.
    fn set(&self, filter: &str) -> Result<(), String>;
}
