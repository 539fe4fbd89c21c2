//! One thread of the process that notices blocked drivers.
//!
//! It is not a task: a worker that has taken an event from the operating system and then blocks leaves the other workers
//! asleep, and a task would sleep with them.

use std::sync::{Arc, OnceLock, PoisonError, Weak};
use std::time::Duration;

use crate::net::catch::{catch, log};
use crate::sync::{Condvar, Mutex};

/// Time between two looks at the links that run user code. A link is taken away from a driver that is in the same piece
/// of user code at two consecutive looks. With half of this, the rate of calls fell by several percent.
const TICK: Duration = Duration::from_millis(1);

/// A link that may be blocked by user code.
pub(super) trait Watched: Send + Sync {
    /// Called with each tick. Returns `false` if the link need not be watched any more.
    fn tick(self: Arc<Self>) -> bool;
}

/// See the module.
#[derive(Default)]
pub(super) struct Watchdog {
    arrivals: Mutex<Arrivals>,
    arrived: Condvar,
}

#[derive(Default)]
struct Arrivals {
    links: Vec<Weak<dyn Watched>>,
    /// The thread waits for a link.
    is_waiting: bool,
}

impl Watchdog {
    /// The one of the process, which this starts. `None` if its thread cannot be started.
    pub(super) fn of_process() -> Option<Arc<Self>> {
        static WATCHDOG: OnceLock<Option<Arc<Watchdog>>> = OnceLock::new();
        WATCHDOG.get_or_init(Self::start).clone()
    }

    /// Watches a link until its `tick` returns `false`, or it is dropped.
    pub(super) fn watch(&self, link: &Arc<dyn Watched>) {
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        arrivals.links.push(Arc::downgrade(link));
        if arrivals.is_waiting {
            self.arrived.notify_one();
        }
    }

    fn start() -> Option<Arc<Self>> {
        let watchdog = Arc::new(Self::default());
        let of_thread = Arc::clone(&watchdog);
        let thread = std::thread::Builder::new().name("grid-watchdog".to_owned());
        match thread.spawn(move || of_thread.run()) {
            Ok(_) => Some(watchdog),
            Err(error) => {
                log!(warn, %error, "cannot start the watchdog: a handler that blocks its thread delays its link");
                None
            }
        }
    }

    fn run(&self) -> ! {
        let mut links = Vec::new();
        loop {
            self.admit(&mut links);
            std::thread::sleep(TICK);
            tick(&mut links);
        }
    }

    /// Adds links that have arrived. Waits for one if there is none.
    pub(super) fn admit(&self, links: &mut Vec<Weak<dyn Watched>>) {
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        while links.is_empty() && arrivals.links.is_empty() {
            arrivals.is_waiting = true;
            arrivals = self.arrived.wait(arrivals).unwrap_or_else(PoisonError::into_inner);
            arrivals.is_waiting = false;
        }
        links.append(&mut arrivals.links);
    }
}

/// Looks at each link once. Removes those that need not be watched any more.
pub(super) fn tick(links: &mut Vec<Weak<dyn Watched>>) {
    links.retain(|link| {
        let mut is_watched = false;
        // The upgraded link may be the last reference to a node, whose drop runs user code.
        catch("a tick of the watchdog", || {
            is_watched = link.upgrade().is_some_and(|link| link.tick());
        });
        is_watched
    });
}
