//! [`Watch`]: the recorder of an administered node. It is off, and costs calls next to nothing, while nobody watches.

use std::sync::Arc;

use super::activity::{Activity, Counts};
use super::service::AdminClient;
use super::tap::{Tap, TapFilter, Tapping};
use super::watcher::{Watchers, Watching};
use crate::RemoteError;
use crate::intercept::{Finished, Record};
use crate::net::Sampling;

/// Shows the calls of a node to its watchers.
#[derive(Clone, Default)]
pub(super) struct Watch(Arc<Watchers>);

impl Watch {
    pub(super) fn sampling(&self) -> Sampling {
        self.0.sampling()
    }

    /// Shows calls one by one.
    pub(super) fn tap(&self, filter: TapFilter) -> Result<Tapping, RemoteError> {
        let (tap, calls) = Tap::new(filter)?;
        let tap = Arc::new(tap);
        let watching = self.0.add(Arc::clone(&tap) as _)?;
        Ok(Tapping::new(tap, watching, calls))
    }

    /// Counts calls from now on.
    pub(super) fn count(&self) -> Result<Counting, RemoteError> {
        let counts = Arc::new(Counts::new());
        Ok(Counting { watching: self.0.add(Arc::clone(&counts) as _)?, counts })
    }
}

impl Record for Watch {
    /// Operators do not watch themselves.
    fn applies_to(&self, service: &str, _: &str) -> bool {
        service != AdminClient::DESCRIPTOR.name()
    }

    fn record(&self, call: &Finished<'_>) {
        self.0.see(call);
    }
}

/// Counts calls until this is dropped.
pub(super) struct Counting {
    watching: Watching,
    counts: Arc<Counts>,
}

impl Counting {
    /// What has happened since the last time.
    pub(super) fn take(&self) -> Activity {
        let activity = self.counts.take();
        self.watching.refresh();
        activity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recorder_is_on_while_somebody_watches() {
        let watch = Watch::default();
        let is_on = || watch.sampling().is_on();
        assert!(!is_on());
        let counting = watch.count().expect("there is room");
        let tapping = watch.tap(TapFilter::default()).expect("there is room");
        assert!(is_on());
        drop(counting);
        assert!(is_on());
        drop(tapping);
        assert!(!is_on());
    }
}
