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
/// let identity = Identity::of_node("http://node1:9000").with_subject("node1, rack 7").with_details(7_u32);
/// assert_eq!(identity.name(), Some("http://node1:9000"));
/// assert_eq!(identity.details::<u32>(), Some(&7));
/// ```
#[derive(Clone)]
pub struct Identity {
    name: Option<Arc<str>>,
    subject: Arc<str>,
    details: Option<Details>,
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

    /// Adds a value of the authenticator's own, for permission hooks and handlers. It replaces an earlier one.
    #[must_use]
    pub fn with_details(self, details: impl Any + Send + Sync) -> Self {
        Self { details: Some(Details(Some(Arc::new(details)))), ..self }
    }

    /// The name of the node, if it is proven.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What was proven, as a text for people; for example the subject of a certificate.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The value that the authenticator has added, if it has this type.
    pub fn details<T: Any>(&self) -> Option<&T> {
        self.details.as_ref()?.0.as_ref()?.downcast_ref()
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
        drop(identity.with_details(7_u8));
    }
}
