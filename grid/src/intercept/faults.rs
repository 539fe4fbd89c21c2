//! [`Faults`]: failures on purpose.

use std::time::Duration;

use super::{Intercept, Intercepted, Intercepting, Next, Outcome};
use crate::entropy;
use crate::error::ErrorCode;

/// Delays calls and lets them fail, to see in a test or in staging what their callers do then.
///
/// ```
/// use std::time::Duration;
/// use grid::ErrorCode;
/// use grid::intercept::{Faults, only};
///
/// let faults = Faults::new()
///     .delay(0.1, Duration::from_millis(200))
///     .fail(0.01, ErrorCode::Overloaded);
/// let builder = grid::Manager::builder("http://node1:9000").intercept(only("Files", faults));
/// # let _ = builder;
/// ```
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Shares of the calls, from 0 to 1.
    delayed: f64,
    failed: f64,
    delay: Duration,
    code: Option<ErrorCode>,
}

impl Faults {
    /// Changes nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Delays this share of the calls, from 0 to 1, before they go on.
    pub fn delay(self, share: f64, delay: Duration) -> Self {
        Self { delayed: share, delay, ..self }
    }

    /// Lets this share of the calls, from 0 to 1, fail with the code. Their handlers do not run.
    pub fn fail(self, share: f64, code: ErrorCode) -> Self {
        Self { failed: share, code: Some(code), ..self }
    }
}

/// Whether an event of this probability happens.
fn happens(share: f64) -> bool {
    share > 0.0 && entropy::random::<f64>() < share
}

impl Intercept for Faults {
    fn intercept(&self, call: Intercepted, next: Next) -> Intercepting {
        let delay = happens(self.delayed).then_some(self.delay);
        let code = self.code.filter(|_| happens(self.failed));
        if delay.is_none() && code.is_none() {
            return next.run(call);
        }
        Box::pin(async move {
            if let Some(delay) = delay {
                tokio::time::sleep(delay).await;
            }
            match code {
                Some(code) => Outcome::refuse(code, "a failure on purpose, of `intercept::Faults`"),
                None => next.run(call).await,
            }
        })
    }
}
