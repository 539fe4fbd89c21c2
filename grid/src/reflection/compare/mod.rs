//! Compares two versions of a service: what has changed, and who is broken by it.
//!
//! | file | what |
//! |---|---|
//! | `methods.rs` | what a method is besides its values |
//! | `arguments.rs` | the arguments of a method, which are sent together |
//! | `walk.rs` | where the comparison of a value is, and what it has found |
//! | `shapes.rs` | two versions of a value; `structs.rs` and `enums.rs` for those, `scalars.rs` for what has no parts |

mod arguments;
mod enums;
mod methods;
mod scalars;
mod shapes;
mod structs;
mod walk;

use std::collections::BTreeMap;

use super::change::{Breaks, Change};
use super::description::ServiceDescription;
use super::kind::ChangeKind;
use super::wire::Service;

/// Compares two versions of a service: all changes that reach the wire, in the order of methods, and who is broken by each.
///
/// Nodes are updated one at a time, so each change is judged in both directions: callers of the old version at a node of the
/// new one, and the reverse. Values are compared by their schemas if both versions state them
/// (`#[grid::service(schema)]`) and the feature `schema` is on; otherwise by their types as written in the trait, and then
/// another type breaks both directions, unless it is one that everybody knows, such as `u32`.
///
/// Schemas do not say everything: a field with `#[serde(alias)]` or a variant with `#[serde(other)]` is judged without it, and
/// a field that lost its default is assumed to be left out by some sender. The guide's chapter on evolving a service lists what
/// is not noticed.
///
/// Descriptions of a node that is not trusted are compared in limited time; what is too large or nested too deeply is reported
/// as an unknown type.
///
/// ```
/// use grid::reflection::{Breaks, ServiceDescription, compare};
///
/// mod old {
///     #[grid::service(name = "Disk")]
///     pub trait Disk {
///         async fn free(&self, volume: String) -> u64;
///     }
/// }
/// mod new {
///     #[grid::service(name = "Disk")]
///     pub trait Disk {
///         async fn free(&self, volume: String, unit: Option<String>) -> u64;
///         async fn count(&self) -> u32;
///     }
/// }
///
/// let old = ServiceDescription::of(old::DiskClient::DESCRIPTOR);
/// let new = ServiceDescription::of(new::DiskClient::DESCRIPTOR);
/// let changes = compare(&old, &new);
/// let [count, free] = &changes[..] else { panic!("{changes:?}") };
/// assert_eq!((&*count.path, count.breaks), ("Disk/count", Breaks::Nothing));
/// assert_eq!((&*free.path, free.breaks), ("Disk/free", Breaks::Both));
/// assert_eq!(free.row, "an argument added to a single one, or all but one removed");
/// ```
pub fn compare(old: &ServiceDescription, new: &ServiceDescription) -> Vec<Change> {
    services(&Service::of(old), &Service::of(new))
}

/// Compares the services of two nodes, each with the one of its name and subroute: the changes of all of them, as by
/// [`compare`], and those that only one node has.
pub fn compare_all(old: &[ServiceDescription], new: &[ServiceDescription]) -> Vec<Change> {
    let of = |all: &[ServiceDescription]| all.iter().map(Service::of).collect::<Vec<_>>();
    all(&of(old), &of(new))
}

/// What says that two services are versions of the same.
type Key = (String, Option<String>);

fn key(service: &Service) -> Key {
    (service.name.clone(), service.subroute.clone())
}

/// Compares all services of two versions.
pub(crate) fn all(old: &[Service], new: &[Service]) -> Vec<Change> {
    let by_key = |all: &[Service]| -> BTreeMap<Key, usize> {
        // The first of two that have the same name.
        all.iter().enumerate().rev().map(|(at, of)| (key(of), at)).collect()
    };
    let (known, now) = (by_key(old), by_key(new));
    let mut changes = Vec::new();
    for before in old {
        match now.get(&key(before)).map(|at| &new[*at]) {
            Some(after) => changes.extend(services(before, after)),
            None => {
                let what = "the service was removed";
                let row = ChangeKind::ServiceRemoved;
                changes.push(Change::new(&before.name, what, row, Breaks::OldCallers));
            }
        }
    }
    for after in new.iter().filter(|after| !known.contains_key(&key(after))) {
        let what = "the service was added";
        changes.push(Change::new(&after.name, what, ChangeKind::ServiceAdded, Breaks::Nothing));
    }
    changes
}

/// Compares two versions of a service.
fn services(old: &Service, new: &Service) -> Vec<Change> {
    let mut changes = Vec::new();
    if old == new {
        return changes;
    }
    if old.name != new.name {
        let what = format!("the service `{}` is now `{}`", old.name, new.name);
        changes.push(Change::new(&old.name, what, ChangeKind::ServiceRenamed, Breaks::Both));
    }
    if old.subroute != new.subroute {
        let name = |subroute: &Option<String>| match subroute {
            Some(subroute) => format!("the subroute `{subroute}`"),
            None => "no subroute".to_owned(),
        };
        let what = format!("it had {}, and has {}", name(&old.subroute), name(&new.subroute));
        changes.push(Change::new(&old.name, what, ChangeKind::Subroute, Breaks::Both));
    }
    changes.extend(methods::compare(old, new));
    changes
}
