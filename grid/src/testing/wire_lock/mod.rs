//! `wire.lock`: a file with what services send, and a test that fails when a change of it breaks nodes of another version.
//!
//! | file | what |
//! |---|---|
//! | `write.rs` | the text of a file |
//! | `read.rs`, `shapes.rs` | reads it again |
//! | `check.rs` | what the macro [`wire_lock!`](macro@crate::testing::wire_lock) does |
//!
//! What is compared, and how, is in `reflection/compare/`.

mod check;
mod read;
mod shapes;
mod write;

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

pub use self::check::check;
pub use self::read::WireLockError;
use crate::ServiceDescriptor;
use crate::reflection::wire::Service;
use crate::reflection::{Change, ServiceDescription, compare_wire};

/// What services send: names, ids, kinds, options and the structure of values, as the text of a `wire.lock`.
///
/// The macro [`wire_lock!`](macro@crate::testing::wire_lock) compares a file with the services of a program. This type is for other
/// sources: what [`Display`] writes, [`parse`](Self::parse) reads.
///
/// ```
/// use grid::testing::WireLock;
///
/// #[grid::service]
/// trait Disk {
///     #[handler(idempotent, timeout = "5s")]
///     async fn free(&self, volume: String) -> Result<u64, grid::RemoteError>;
/// }
///
/// let lock = WireLock::of(&[DiskClient::DESCRIPTOR]);
/// let text = lock.to_string();
/// assert!(text.contains("  method free\n"));
/// assert!(text.contains("    argument volume: String\n    answer: u64\n    error: RemoteError\n"));
/// assert_eq!(WireLock::parse(&text).unwrap().changes(&lock), []);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WireLock {
    /// In the order of their names.
    services: Vec<Service>,
}

impl WireLock {
    /// What these services send.
    ///
    /// # Panics
    ///
    /// If two of them have the same name and differ: only one of them would be compared. Give them two names, or two files.
    #[track_caller]
    pub fn of(services: &[&ServiceDescriptor]) -> Self {
        let services: Vec<_> =
            services.iter().map(|service| ServiceDescription::of(service)).collect();
        if let Some(name) = different_of_one_name(&services) {
            panic!("two services called `{name}` differ: a wire.lock has one of each name");
        }
        Self::of_descriptions(&services)
    }

    /// What the services of a node send, as its [reflection](crate::reflection) describes them. Of two with the same name and
    /// subroute, the first one counts.
    pub fn of_descriptions(services: &[ServiceDescription]) -> Self {
        let mut services: Vec<_> = services.iter().map(Service::of).collect();
        services.sort_by(|a, b| key(a).cmp(&key(b)));
        services.dedup_by(|a, b| key(a) == key(b));
        Self { services }
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// [`WireLockError`] names the line that is not understood, or the version of the format if it is another one.
    pub fn parse(text: &str) -> Result<Self, WireLockError> {
        read::file(text).map(|services| Self { services })
    }

    /// What has changed from this version to `new`, and who is broken by it, as by
    /// [`reflection::compare_all`](crate::reflection::compare_all).
    pub fn changes(&self, new: &Self) -> Vec<Change> {
        compare_wire(&self.services, &new.services)
    }
}

/// The text of the file.
impl Display for WireLock {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write::file(&self.services, f)
    }
}

/// The name of two services that are not the same.
fn different_of_one_name(services: &[ServiceDescription]) -> Option<String> {
    let mut known: BTreeMap<_, Service> = BTreeMap::new();
    let mut services = services.iter().map(Service::of);
    let other = services.find(|service| {
        let first = known.entry(service.name.clone()).or_insert_with(|| service.clone());
        first != service
    });
    other.map(|service| service.name)
}

fn key(service: &Service) -> (&str, Option<&str>) {
    (&service.name, service.subroute.as_deref())
}
