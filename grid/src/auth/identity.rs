//! [`Identity`]: what is proven about the node at the other end of a connection.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What was proven about the node at the other end of a connection.
///
/// An authenticator returns it, and handlers read it with [`Context::identity`](crate::Context::identity). Cheap to clone.
///
/// ```
/// use grid::Identity;
///
/// #[derive(Debug, PartialEq)]
/// enum Role {
///     Operator,
/// }
///
/// let identity = Identity::of_node("http://node1:9000")
///     .with_subject("node1, rack 7")
///     .with_details(Role::Operator)
///     .with_details(7_u32);
/// assert_eq!(identity.name(), Some("http://node1:9000"));
/// assert_eq!(identity.details(), Some(&Role::Operator));
/// assert_eq!(identity.details::<u32>(), Some(&7));
/// assert_eq!(identity.details::<u64>(), None);
/// ```
#[derive(Clone)]
pub struct Identity {
    name: Option<Arc<str>>,
    subject: Arc<str>,
    /// One of each type.
    details: Option<Arc<[Details]>>,
}

impl Identity {
    /// The node of this name, which is proven.
    pub fn of_node(name: &str) -> Self {
        let name: Arc<str> = name.into();
        Self { subject: Arc::clone(&name), name: Some(name), details: None }
    }

    /// A node whose name is not proven: any holder of the credential may state any name of the host list.
    pub fn unproven(subject: &str) -> Self {
        Self { name: None, subject: subject.into(), details: None }
    }

    /// Sets the text that says what was proven, for people.
    #[must_use]
    pub fn with_subject(self, subject: &str) -> Self {
        Self { subject: subject.into(), ..self }
    }

    /// Adds a value of the authenticator's own, for permission hooks, interceptors and handlers, such as the roles that a
    /// token names. It replaces an earlier one of the same type; those of other types stay, so an authenticator can add to
    /// what another one has proven.
    ///
    /// The value stays on this node. It is shared by all calls of the connection, and dropped some time after that has ended.
    #[must_use]
    pub fn with_details<T: Any + Send + Sync>(self, details: T) -> Self {
        let others =
            self.details.iter().flat_map(|all| all.iter()).filter(|other| !other.is::<T>());
        let new = Details(Some(Arc::new(details)));
        let details = others.cloned().chain([new]).collect();
        Self { details: Some(details), ..self }
    }

    /// The name of the node, if it is proven.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What was proven, as a text for people; for example the subject of a certificate.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The value of this type that the authenticator has added with [`with_details`](Self::with_details), if any.
    pub fn details<T: Any>(&self) -> Option<&T> {
        self.details.as_ref()?.iter().find_map(Details::get)
    }
}

/// Omits the details, which may be secret.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("name", &self.name)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// A value of the authenticator's own. `None` only while it is dropped.
#[derive(Clone)]
struct Details(Option<Arc<dyn Any + Send + Sync>>);

impl Details {
    fn get<T: Any>(&self) -> Option<&T> {
        self.0.as_ref()?.downcast_ref()
    }

    fn is<T: Any>(&self) -> bool {
        self.get::<T>().is_some()
    }
}

impl Drop for Details {
    /// The value is the user's, and the last reference may be dropped in the task of a link, which must survive a panic.
    fn drop(&mut self) {
        let details = self.0.take();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(details))) {
            // Its own drop could panic again.
            std::mem::forget(panic);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bad;

    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("a bug of the user");
        }
    }

    #[test]
    fn details_that_panic_when_they_are_dropped_harm_nobody() {
        let identity = Identity::of_node("a").with_details(Bad);
        drop(identity.clone());
        assert!(identity.details::<Bad>().is_some() && identity.details::<u8>().is_none());
        let replaced = identity.with_details(Bad).with_details(7_u8);
        assert!(replaced.details::<Bad>().is_some());
        drop(replaced);
    }

    #[test]
    fn there_is_one_value_of_each_type_and_debug_shows_none() {
        let identity = Identity::unproven("a token").with_details("secret").with_details(1_u8);
        let more = identity.clone().with_details(2_u8).with_details("hidden".to_owned());
        assert_eq!(identity.details::<u8>(), Some(&1));
        assert_eq!((more.details::<u8>(), more.details::<&str>()), (Some(&2), Some(&"secret")));
        assert_eq!(more.details::<String>().map(String::as_str), Some("hidden"));
        assert_eq!(more.details.as_ref().map(|all| all.len()), Some(3));
        let shown = format!("{more:?}");
        assert!(!shown.contains("secret") && !shown.contains("hidden"), "{shown}");
    }
}
