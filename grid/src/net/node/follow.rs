//! Applies the lists of a [`MemberSource`] to a running node.

use std::error::Error;
use std::sync::PoisonError;
use std::time::Duration;

use super::members::{MemberError, Members};
use super::source::MemberSource;
use crate::net::catch::{catch, catch_future, log};
use crate::net::notice::repeats::Repeats;

/// Pause after an error of a source.
const RETRY: Duration = Duration::from_secs(1);

/// Pause after each list: a source that yields again and again must not take the processor.
const PAUSE: Duration = Duration::from_millis(10);

impl Members {
    /// Makes the lists of this source the list of members, one after the other, until the node is shut down or follows
    /// another source. What was added or removed by hand is undone with the next list.
    ///
    /// An error of the source, or a list that is invalid, is logged, and the list stays as it is.
    pub fn follow(&self, source: impl MemberSource) {
        self.follow_boxed(Box::new(source));
    }

    pub(super) fn follow_boxed(&self, source: Box<dyn MemberSource>) {
        let mut following = self.node.following.lock().unwrap_or_else(PoisonError::into_inner);
        following.number += 1;
        let task = follow(self.clone(), source, following.number);
        let earlier = following.task.replace(self.node.runtime.spawn(task).abort_handle());
        drop(following);
        if let Some(earlier) = earlier {
            // It may be about to apply a list. It does not, because its number is not the current one.
            earlier.abort();
        }
    }
}

async fn follow(members: Members, mut source: Box<dyn MemberSource>, number: u64) {
    let node = &members.node;
    let is_current =
        || node.following.lock().unwrap_or_else(PoisonError::into_inner).number == number;
    let mut logged = Repeats::default();
    loop {
        let workers = &members.node.loopback.workers;
        // Code of the user, which may block or panic.
        let next = async { (source.next().await.map_err(into_text), source.grace()) };
        let next = catch_future(workers.guard(next));
        let next = tokio::select! {
            biased;
            () = node.over.wait() => return,
            next = next => next,
        };
        let failed = match next {
            Ok((Ok(hosts), grace)) => match members.replace_if(hosts, grace, is_current) {
                Ok(_) => None,
                Err(MemberError::ShutDown { .. }) => return,
                Err(invalid) => Some(invalid.to_string()),
            },
            Ok((Err(text), _)) => Some(text),
            Err(panic) => Some(format!("it panicked: {panic}")),
        };
        let pause = if failed.is_some() { RETRY } else { PAUSE };
        if let Some(reason) = failed
            && let Some(repeats) = logged.note(reason.clone())
        {
            let repeats = Some(repeats).filter(|repeats| *repeats > 0);
            let local = &members.node.name;
            let mut name = "a source".to_owned();
            // Exclusive, because it need not be `Sync`.
            let (asked, name_of) = (&mut source, &mut name);
            let ask = move || *name_of = asked.name().to_string();
            workers.guard(async { catch("the name of a source of members", ask) }).await;
            let source = name;
            log!(warn, %local, %source, reason, repeats, "no host list from its source");
        }
        tokio::select! {
            biased;
            () = node.over.wait() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// The texts of an error and its sources. It is the user's, so its texts and its drop may panic.
fn into_text(error: Box<dyn Error + Send + Sync>) -> String {
    let mut text = String::from("an error whose text panics");
    catch("the text of an error", || {
        let mut whole = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            let part = error.to_string();
            if !whole.ends_with(&part) {
                whole = format!("{whole}: {part}");
            }
            source = error.source();
        }
        text = crate::error::one_line(&whole);
    });
    catch("the drop of an error", || drop(error));
    text
}
