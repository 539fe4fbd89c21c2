//! [`Trace`]: everything that happens in a run, as lines. Its digest is the same whenever the run is.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{DefaultHasher, Hasher as _};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;
use tracing::Level;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

/// How many lines [`Lines::Last`] keeps.
const TAIL: usize = 60;

/// What happens to the lines of a trace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Lines {
    /// The last ones before the first violation are kept for the report.
    #[default]
    Last,
    /// All are kept for the report.
    All,
    /// Each is printed at once, and none is kept.
    Print,
}

/// See the module. All clones are one trace.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    inner: Arc<Mutex<Inner>>,
    start: Instant,
}

#[derive(Debug)]
struct Inner {
    digest: DefaultHasher,
    lines: VecDeque<String>,
    shown: Lines,
    /// There was a violation: no further lines are kept of the last ones.
    is_held: bool,
}

impl Trace {
    /// A trace that begins now.
    pub(crate) fn new(shown: Lines) -> Self {
        let digest = DefaultHasher::new();
        let inner = Inner { digest, lines: VecDeque::new(), shown, is_held: false };
        Self { inner: Arc::new(Mutex::new(inner)), start: Instant::now() }
    }

    /// Adds a line.
    pub(crate) fn add(&self, line: fmt::Arguments<'_>) {
        let at = self.start.elapsed();
        self.push(format!("{:>4}.{:06} {line}", at.as_secs(), at.subsec_micros()));
    }

    fn push(&self, line: String) {
        let mut inner = self.lock();
        inner.digest.write(line.as_bytes());
        inner.digest.write_u8(b'\n');
        match inner.shown {
            Lines::Print => println!("{line}"),
            Lines::Last if inner.is_held => {}
            Lines::Last | Lines::All => inner.lines.push_back(line),
        }
        if inner.shown == Lines::Last && inner.lines.len() > TAIL {
            inner.lines.pop_front();
        }
    }

    /// Keeps the last lines before this moment, and not those before the end.
    pub(crate) fn hold(&self) {
        self.lock().is_held = true;
    }

    /// The digest of all lines.
    pub(crate) fn digest(&self) -> u64 {
        self.lock().digest.finish()
    }

    /// The lines that were kept.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lock().lines.iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what the nodes log on this thread as well, until the guard is dropped.
    pub(crate) fn log(&self, level: Level) -> DefaultGuard {
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_timer(self.clone())
            .with_writer(self.clone());
        tracing::subscriber::set_default(subscriber.finish())
    }
}

impl FormatTime for Trace {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        let at = self.start.elapsed();
        write!(writer, "{:>4}.{:06}", at.as_secs(), at.subsec_micros())
    }
}

impl<'a> MakeWriter<'a> for Trace {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> &'a Self {
        self
    }
}

/// Each line is written at once.
impl io::Write for &Trace {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(String::from_utf8_lossy(line).trim_end().to_owned());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
