//! Looks up the addresses of names.
//!
//! The system's resolver blocks its thread, for minutes if a name server does not answer, and cannot be stopped. So
//! there is at most one lookup of each name, which all attempts wait for, and a bounded number of lookups in total. They
//! run on threads of their own: the end of a tokio runtime waits for its blocking threads, but the end of a process does
//! not wait for these.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::error::LinkError;

/// Threads that look up names for one node at the same time. Further names wait.
const LOOKUPS_MAX: usize = 16;

type Answer = Result<Vec<SocketAddr>, Arc<io::Error>>;
type Look = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;
type Lookups = HashMap<(String, u16), watch::Receiver<Option<Answer>>>;

/// See the module.
pub(super) struct Resolver {
    look: Arc<Look>,
    /// The lookups that have not ended.
    lookups: Arc<Mutex<Lookups>>,
    threads: Arc<Semaphore>,
}

impl Default for Resolver {
    fn default() -> Self {
        Self::new(|host, port| (host, port).to_socket_addrs().map(Iterator::collect))
    }
}

impl Resolver {
    fn new(
        look: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        let threads = Arc::new(Semaphore::new(LOOKUPS_MAX));
        Self { look: Arc::new(look), lookups: Arc::default(), threads }
    }

    /// Returns the addresses of a host.
    ///
    /// Cancel safe: a lookup that has begun continues, and is joined by the next call for the same name.
    pub(super) async fn resolve(
        &self,
        host: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, LinkError> {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, port)]);
        }
        let key = (host.to_owned(), port);
        let running = lock(&self.lookups).get(&key).cloned();
        let mut lookup = match running {
            Some(lookup) => lookup,
            None => {
                let permit = Arc::clone(&self.threads).acquire_owned().await;
                self.start(key, permit.map_err(LinkError::resolve)?).map_err(LinkError::resolve)?
            }
        };
        let answer = lookup.wait_for(Option::is_some).await.map(|answer| answer.clone());
        match answer {
            Ok(Some(Ok(addresses))) => Ok(addresses),
            Ok(Some(Err(error))) => Err(LinkError::Resolve(error)),
            Ok(None) | Err(_) => Err(LinkError::resolve("the lookup has ended without an answer")),
        }
    }

    /// Starts a lookup, unless another call has started it in the meantime.
    fn start(
        &self,
        key: (String, u16),
        permit: OwnedSemaphorePermit,
    ) -> io::Result<watch::Receiver<Option<Answer>>> {
        let mut lookups = lock(&self.lookups);
        if let Some(lookup) = lookups.get(&key) {
            return Ok(lookup.clone());
        }
        let (sender, receiver) = watch::channel(None);
        let look = Arc::clone(&self.look);
        lookups.insert(key.clone(), receiver.clone());
        // A thread that cannot be started drops `lookup` here, which locks the table.
        drop(lookups);
        let lookup = Lookup { lookups: Arc::clone(&self.lookups), key, _permit: permit };
        std::thread::Builder::new().name("grid-resolve".to_owned()).spawn(move || {
            let (host, port) = &lookup.key;
            let answer = look(host, *port).map_err(Arc::new);
            // Removed first, so that a call after the answer starts a new lookup.
            drop(lookup);
            sender.send_replace(Some(answer));
        })?;
        Ok(receiver)
    }
}

/// A lookup that runs. Dropping it, also by a panic, makes room for the next one.
struct Lookup {
    lookups: Arc<Mutex<Lookups>>,
    key: (String, u16),
    _permit: OwnedSemaphorePermit,
}

impl Drop for Lookup {
    fn drop(&mut self) {
        lock(&self.lookups).remove(&self.key);
    }
}

fn lock(lookups: &Mutex<Lookups>) -> MutexGuard<'_, Lookups> {
    lookups.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_resolver_that_does_not_answer_holds_one_thread_per_name_and_a_bounded_number() {
        let (begun, (answer, wait)) = (Arc::new(AtomicUsize::new(0)), mpsc::channel::<()>());
        let (count, wait) = (Arc::clone(&begun), Mutex::new(wait));
        let resolver = Resolver::new(move |_, port| {
            count.fetch_add(1, Ordering::Relaxed);
            // Ends when the sender is dropped.
            let _ = wait.lock().unwrap().recv();
            Ok(vec![SocketAddr::from(([10, 0, 0, 1], port))])
        });
        for _ in 0..10 {
            let attempt = timeout(Duration::from_secs(10), resolver.resolve("one", 1)).await;
            attempt.expect_err("no answer");
        }
        for name in 0..100 {
            let name = format!("name{name}");
            let attempt = timeout(Duration::from_secs(10), resolver.resolve(&name, 1)).await;
            attempt.expect_err("no answer");
        }
        assert_eq!(lock(&resolver.lookups).len(), LOOKUPS_MAX);
        assert!(begun.load(Ordering::Relaxed) <= LOOKUPS_MAX);
        let literal = resolver.resolve("127.0.0.1", 7).await.unwrap();
        assert_eq!(literal, [SocketAddr::from(([127, 0, 0, 1], 7))], "needs no lookup");
        drop(answer);
        let addresses = resolver.resolve("one", 1).await.unwrap();
        assert_eq!(addresses, [SocketAddr::from(([10, 0, 0, 1], 1))]);
        resolver.resolve("name99", 1).await.unwrap();
    }

    /// No answer is remembered, be it an address or none.
    #[tokio::test]
    async fn a_name_is_looked_up_for_each_attempt() {
        let address = |last| SocketAddr::from(([10, 0, 0, last], 1));
        let answers = Mutex::new(vec![Ok(2), Ok(1), Err("not yet")]);
        let resolver = Resolver::new(move |_, _| match answers.lock().unwrap().pop() {
            Some(Ok(last)) => Ok(vec![address(last)]),
            Some(Err(text)) => Err(io::Error::other(text)),
            None => panic!("another lookup"),
        });
        resolver.resolve("a", 1).await.unwrap_err();
        for last in [1, 2] {
            assert_eq!(resolver.resolve("a", 1).await.unwrap(), [address(last)]);
        }
    }

    #[tokio::test]
    async fn failures_and_panics_are_errors_and_the_next_attempt_asks_again() {
        let calls = AtomicUsize::new(0);
        let resolver = Resolver::new(move |_, _| match calls.fetch_add(1, Ordering::Relaxed) {
            0 => Err(io::Error::other("no such host")),
            1 => panic!("as a test"),
            _ => Ok(Vec::new()),
        });
        let error = resolver.resolve("a", 1).await.unwrap_err();
        assert_eq!(error.full_text().to_string(), "cannot resolve the name: no such host");
        let error = resolver.resolve("a", 1).await.unwrap_err();
        assert!(error.full_text().to_string().contains("without an answer"));
        assert_eq!(resolver.resolve("a", 1).await.unwrap(), []);
    }
}
