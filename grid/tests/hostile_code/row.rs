//! [`Row`]: runs a kind of user code in every column of the matrix, beside its neighbours.

use std::sync::Arc;

use grid::Builder;
use tokio::runtime::Builder as Runtime;
use tokio::time::timeout;
use tracing::Dispatch;

use crate::gate::LIMIT;
use crate::hostile::{Act, Hostile};
use crate::hostile_log::{LogPlace, hostile_log};
use crate::neighbours::{Links, Neighbours, Nodes};
use crate::support::{A, B};

/// Where a cell runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// In virtual time.
    One,
    /// In real time: virtual time needs a single thread.
    Two,
}

/// A row of the matrix: a kind of user code, and what makes it run.
pub(crate) struct Row<C, P> {
    configure: C,
    provoke: P,
    others_may_wait: bool,
    threads: Vec<Threads>,
    has_pauses: bool,
    log: Option<LogPlace>,
}

impl<C, P, F> Row<C, P>
where
    C: Fn(Builder, &Hostile) -> Builder + Send + Sync + 'static,
    P: Fn(Links, Hostile) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    /// Installs the code in both nodes with `configure`. `provoke` runs in a task of its own: it arms the code, and checks
    /// what its own call comes to. Its checks are ignored when the nodes end.
    pub(crate) fn new(configure: C, provoke: P) -> Self {
        let threads = vec![Threads::One, Threads::Two];
        Self { configure, provoke, others_may_wait: false, threads, has_pauses: false, log: None }
    }

    /// The code can block the task of its link, or the worker where that waits: others go on only when it returns. The table
    /// says why.
    pub(crate) fn others_may_wait(mut self) -> Self {
        self.others_may_wait = true;
        self
    }

    /// For code on a thread of its own: virtual time would not wait for it.
    pub(crate) fn in_real_time(mut self) -> Self {
        self.threads = vec![Threads::Two];
        self
    }

    /// The row sits out pauses of a second and more: in real time only where it must, when the code blocks.
    pub(crate) fn has_pauses(mut self) -> Self {
        self.has_pauses = true;
        self
    }

    /// The code is in the subscriber of the log.
    pub(crate) fn in_the_log(mut self, place: LogPlace) -> Self {
        self.log = Some(place);
        self
    }

    /// Runs the row, once for each column.
    pub(crate) fn run(self) {
        let Self { configure, provoke, others_may_wait, threads, has_pauses, log } = self;
        let code = Arc::new((configure, provoke));
        for act in [Act::Panics, Act::Blocks, Act::CallsBack, Act::EndsNode] {
            for &threads in &threads {
                if (act, threads) == (Act::Blocks, Threads::One) {
                    continue; // Nothing else could run there.
                }
                if has_pauses && act != Act::Blocks && threads == Threads::Two {
                    continue;
                }
                let (code, hostile) = (Arc::clone(&code), Hostile::new(act));
                let log = log.map(|place| hostile_log(&hostile, place));
                let cell = move || async move {
                    let (configure, provoke) = &*code;
                    run_cell(hostile, others_may_wait, configure, provoke).await;
                };
                without_deadlock(threads, &format!("{act:?}, {threads:?}"), log, cell);
            }
        }
    }
}

/// Runs a whole row.
pub(crate) fn row<C, P, F>(configure: C, provoke: P)
where
    C: Fn(Builder, &Hostile) -> Builder + Send + Sync + 'static,
    P: Fn(Links, Hostile) -> F + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    Row::new(configure, provoke).run();
}

async fn run_cell<F: Future<Output = ()> + Send + 'static>(
    hostile: Hostile,
    others_may_wait: bool,
    configure: impl Fn(Builder, &Hostile) -> Builder,
    provoke: impl Fn(Links, Hostile) -> F,
) {
    let network = hostile.network().clone();
    let mut nodes = Nodes::start(network, |builder| configure(builder, &hostile)).await;
    let links = nodes.links.clone();
    hostile.know(links.clone(), nodes.all.clone());
    let mut neighbours = Neighbours::begin(&links).await;
    if hostile.ends_node() {
        // The code has the last references to the nodes.
        nodes.all.clear();
        [A, B].iter().for_each(|name| nodes.network.release(name));
    }
    let provoked = tokio::spawn(provoke(links, hostile.clone()));
    if hostile.blocks() {
        hostile.gate().reached(1).await;
        if !others_may_wait {
            neighbours.go_on().await;
        }
        hostile.gate().open();
    }
    let provoked = timeout(LIMIT, provoked).await.expect("the call itself has no end");
    assert_eq!(hostile.failed(), None, "what it calls back");
    if hostile.ends_node() && hostile.runs() > 0 {
        return neighbours.are_told().await;
    }
    if let Err(failed) = provoked {
        std::panic::resume_unwind(failed.into_panic());
    }
    assert!(hostile.runs() > 0, "the code has not run");
    neighbours.go_on().await;
    neighbours.end(&nodes.release).await;
    nodes.are_idle().await;
    let connects = nodes.links.all().map(|connection| connection.stats().connects);
    assert_eq!(connects, [1, 1, 1], "the links have been up all the time");
    nodes.shut_down().await;
}

/// Runs a test of code that deadlocks if it fails, in a thread that can be left behind. Each thread of its runtime logs to
/// `log`.
pub(crate) fn without_deadlock<F>(
    threads: Threads,
    name: &str,
    log: Option<Dispatch>,
    test: impl FnOnce() -> F + Send + 'static,
) where
    F: Future<Output = ()>,
{
    let (done, ended) = std::sync::mpsc::channel();
    let runs = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let set_log = move || {
            // Until the thread ends.
            log.iter().for_each(|log| std::mem::forget(tracing::dispatcher::set_default(log)));
        };
        set_log();
        let mut runtime = match threads {
            Threads::One => Runtime::new_current_thread(),
            Threads::Two => Runtime::new_multi_thread(),
        };
        runtime.enable_all().start_paused(threads == Threads::One);
        let runtime = runtime.worker_threads(2).on_thread_start(set_log).build().unwrap();
        runtime.block_on(test());
        runtime.shutdown_background();
        done.send(()).unwrap();
    });
    drop(runs.unwrap());
    // Also fails, at once, if the test panics: the sender is dropped then.
    assert!(ended.recv_timeout(3 * LIMIT).is_ok(), "{name}: it has panicked, or hangs");
}
