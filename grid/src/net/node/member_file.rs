//! [`MemberFile`]: the host list from a file.

use std::borrow::Cow;
use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::oneshot;

use super::source::{MemberSource, NextMembers};
use crate::net::small_file;

/// How often the file is read, unless the user says otherwise.
const EVERY: Duration = Duration::from_secs(1);

/// A shorter interval would only keep the disk busy.
const EVERY_MIN: Duration = Duration::from_millis(10);

/// A file that has changed is read again after this time, and used if it is still the same: somebody may be writing it.
const SETTLE: Duration = Duration::from_millis(100);

/// Ten thousand long names.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The host list from a file: one name a line; what follows a `#` is a comment. A [`MemberSource`].
///
/// The file is read once a second, so that it may be replaced in any way, also through a symbolic link as Kubernetes does.
/// A file that is missing, empty, longer than 1 MiB, or has an invalid name is logged once, and the list stays as it is.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let manager = grid::Manager::builder("http://node1:9000")
///     .token(grid::SharedSecret::new("secret"))
///     .members_from(grid::MemberFile::new("/etc/grid/hosts"))
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct MemberFile {
    path: PathBuf,
    every: Duration,
    /// What was read last: the content, or the text of the error.
    last: Option<Result<String, String>>,
}

impl MemberFile {
    /// Creates a source that reads this file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), every: EVERY, last: None }
    }

    /// Sets how often the file is read. Default: 1 s. At least 10 ms; with a day, a change takes effect the next day.
    #[must_use]
    pub fn every(mut self, interval: Duration) -> Self {
        self.every = interval.max(EVERY_MIN);
        self
    }

    /// Waits until the file, or the reason why it cannot be read, is another one than before.
    async fn changed(&mut self) -> &Result<String, String> {
        loop {
            let is_first = self.last.is_none();
            if !is_first {
                tokio::time::sleep(self.every).await;
            }
            let mut read = self.read().await;
            while self.last.as_ref() != Some(&read) {
                tokio::time::sleep(SETTLE).await;
                let again = self.read().await;
                if again == read {
                    return self.last.insert(read);
                }
                read = again;
            }
        }
    }

    /// Reads the file on a thread of its own: a file system that does not answer blocks it, and the end of a tokio runtime
    /// waits for its blocking threads.
    async fn read(&self) -> Result<String, String> {
        let (path, (done, read)) = (self.path.clone(), oneshot::channel());
        let thread = std::thread::Builder::new().name("grid-members".to_owned());
        let begun = thread.spawn(move || {
            let _ = done.send(read_whole(&path));
        });
        let read = match begun {
            Ok(_) => read.await.unwrap_or_else(|_| Err(io::Error::other("reading it panicked"))),
            Err(error) => Err(error),
        };
        read.map_err(|e| e.to_string())
    }
}

fn read_whole(path: &Path) -> io::Result<String> {
    String::from_utf8(small_file::read(path, FILE_BYTES_MAX)?).map_err(io::Error::other)
}

impl MemberSource for MemberFile {
    fn next(&mut self) -> NextMembers<'_> {
        Box::pin(async {
            let text = self.changed().await.as_ref().map_err(Clone::clone)?;
            let hosts = names(text);
            if hosts.is_empty() {
                return Err(Box::<dyn Error + Send + Sync>::from("there is no name in it"));
            }
            Ok(hosts)
        })
    }

    fn name(&self) -> Cow<'_, str> {
        format!("the file {}", self.path.display()).into()
    }
}

/// The names in a file.
fn names(text: &str) -> Vec<String> {
    let names = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_empty_lines_are_no_names() {
        let text = "# all nodes\nhttp://a:1\n\n  http://b:1\t# the new one\r\n#http://c:1";
        assert_eq!(names(text), ["http://a:1", "http://b:1"]);
    }
}
