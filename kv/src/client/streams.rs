//! [`Scan`] and [`Watch`]: streams that go on after a failure.

use grid::Responses;
use tokio::time::Instant;

use super::error::{Next, next};
use super::{Client, ClientError};
use crate::model::Event;
use crate::service::{Entry, KvClient, KvError, ScanRequest, WatchRequest, Watched};

impl Client {
    /// Reads the keys with a prefix in their order. After a failure the scan goes on at the key it has got to.
    pub fn scan(&self, request: ScanRequest) -> Scan {
        Scan::new(self.clone(), request)
    }

    /// Follows the changes of keys with a prefix: those after a revision, or from now on. After a failure the watch goes on with the
    /// change it has got to, at another node if need be.
    ///
    /// # Errors
    /// As for [`get`](Self::get), if the revision of now must be asked for.
    pub async fn watch(
        &self,
        prefix: impl Into<String>,
        after: Option<u64>,
    ) -> Result<Watch, ClientError> {
        let after = match after {
            Some(after) => after,
            None => self.revision().await?,
        };
        Ok(Watch::new(self.clone(), prefix.into(), after))
    }
}

/// Keys in their order; from [`Client::scan`].
#[derive(Debug)]
#[must_use = "it reads when it is asked for the next key"]
pub struct Scan {
    client: Client,
    request: ScanRequest,
    stream: Option<Responses<Entry, KvError>>,
    /// When it has failed for too long without a key.
    deadline: Option<Instant>,
}

impl Scan {
    pub(super) fn new(client: Client, request: ScanRequest) -> Self {
        Self { client, request, stream: None, deadline: None }
    }

    /// Returns the next key, or `None` at the end.
    ///
    /// # Errors
    /// As for [`Client::get`]. The time of an operation is that without a key.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn next(&mut self) -> Result<Option<Entry>, ClientError> {
        loop {
            if self.request.limit == Some(0) {
                return Ok(None);
            }
            let deadline = *self.deadline.get_or_insert_with(|| self.client.deadline());
            let stream = match &mut self.stream {
                Some(stream) => stream,
                None => {
                    let open = |kv: KvClient, _| {
                        let request = self.request.clone();
                        async move { kv.scan(request).await }
                    };
                    self.stream.insert(self.client.attempts(deadline).of_read().run(open).await?)
                }
            };
            match stream.next().await {
                Some(Ok(entry)) => {
                    self.request.after = Some(entry.key.clone());
                    self.request.limit = self.request.limit.map(|limit| limit - 1);
                    self.deadline = None;
                    return Ok(Some(entry));
                }
                None => return Ok(None),
                Some(Err(error)) => {
                    self.stream = None;
                    again(&self.client, deadline, error).await?;
                }
            }
        }
    }
}

/// Changes in their order, each once; from [`Client::watch`].
#[derive(Debug)]
#[must_use = "it reads when it is asked for the next change"]
pub struct Watch {
    client: Client,
    prefix: String,
    /// The revision of the last change, or the one after which it begins.
    revision: u64,
    /// Changes of that revision that were returned; zero if it begins after it.
    returned: u64,
    /// Of the stream, changes of that revision that are to be skipped.
    skip: u64,
    stream: Option<Responses<Watched, KvError>>,
    deadline: Option<Instant>,
}

impl Watch {
    pub(super) fn new(client: Client, prefix: String, after: u64) -> Self {
        let (revision, returned, skip) = (after, 0, 0);
        Self { client, prefix, revision, returned, skip, stream: None, deadline: None }
    }

    /// The revision after which another watch may begin, so that no change is missed. Changes of the last batch may come again, if
    /// not all of them were returned.
    pub fn resume_after(&self) -> u64 {
        if self.returned == 0 { self.revision } else { self.revision.saturating_sub(1) }
    }

    /// Waits for the next change.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with [`KvError::Compacted`] if the changes are not kept any more; otherwise as for
    /// [`Client::get`], where the time of an operation is that without a node that serves the watch.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn next(&mut self) -> Result<Event, ClientError> {
        loop {
            let stream = match &mut self.stream {
                Some(stream) => stream,
                None => {
                    let deadline = *self.deadline.get_or_insert_with(|| self.client.deadline());
                    let (prefix, after) = (self.prefix.clone(), Some(self.resume_after()));
                    let request = WatchRequest { prefix, after, consistency: Default::default() };
                    let open = |kv: KvClient, _| {
                        let request = request.clone();
                        async move { kv.watch(request).await }
                    };
                    let stream = self.client.attempts(deadline).of_read().run(open).await?;
                    self.skip = self.returned;
                    self.stream.insert(stream)
                }
            };
            match stream.next().await {
                Some(Ok(Watched::Upto(revision))) => {
                    self.deadline = None;
                    (self.revision, self.returned, self.skip) = (revision, 0, 0);
                }
                Some(Ok(Watched::Change(event))) => {
                    self.deadline = None;
                    if event.revision == self.revision && self.skip > 0 {
                        self.skip -= 1;
                        continue;
                    }
                    let is_same = event.revision == self.revision;
                    self.returned = if is_same { self.returned + 1 } else { 1 };
                    self.revision = event.revision;
                    return Ok(event);
                }
                // A watch does not end by itself.
                None => self.stream = None,
                Some(Err(error)) => {
                    self.stream = None;
                    let deadline = *self.deadline.get_or_insert_with(|| self.client.deadline());
                    again(&self.client, deadline, error).await?;
                }
            }
        }
    }
}

/// Goes on to another node after a failure, if that may help: the failure is that of an attempt.
async fn again(
    client: &Client,
    deadline: Instant,
    error: grid::CallError<KvError>,
) -> Result<(), ClientError> {
    if next(&error) == Next::Fail {
        return Err(error.into());
    }
    // The first attempt fails as the stream has, so that the second one is at the node that this leads to.
    let failed = std::sync::Mutex::new(Some(error));
    let repeat = |_: KvClient, _| {
        let failed = failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        async move { failed.map_or(Ok(()), Err) }
    };
    client.attempts(deadline).of_read().run(repeat).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_resumes_after_the_last_revision_that_is_complete() {
        let client = Client::guest(["http://node1:9000"], |builder| builder);
        let mut watch = Watch::new(client, String::new(), 7);
        assert_eq!(watch.resume_after(), 7);
        watch.returned = 1;
        assert_eq!(watch.resume_after(), 6);
        // No node should send that.
        watch.revision = 0;
        assert_eq!(watch.resume_after(), 0);
    }
}
