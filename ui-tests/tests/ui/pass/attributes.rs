//! The user's attributes are copied to generated items and keep their meaning.
#![deny(warnings)]
#![allow(clippy::all)]

/// A service.
///
/// With two paragraphs.
#[grid::service]
#[allow(async_fn_in_trait)]
#[expect(clippy::module_name_repetitions, reason = "to see that it is not carried twice")]
#[doc(alias = "thing")]
trait Thing {
    /// Documented.
    ///  - with indentation
    #[must_use = "ask for a reason"]
    async fn must(&self) -> u8;
    #[doc = concat!("Made ", "of parts.")]
    async fn concat(&self) -> u8;
    #[expect(unused_variables)]
    async fn expects(&self, unused: u8) -> u8 {
        1
    }
    #[allow(unused_variables)]
    async fn allows(&self, unused: u8) -> u8 {
        1
    }
    #[deprecated]
    async fn old(&self) -> u8;
    #[inline]
    async fn inlined(&self, #[allow(unused_variables)] unused: u8) -> u8 {
        2
    }
    async fn counted(&self, mut n: u8) -> u8 {
        n += 1;
        n
    }
}

struct Node;

impl Thing for Node {
    async fn must(&self) -> u8 {
        0
    }
    async fn concat(&self) -> u8 {
        0
    }
    async fn old(&self) -> u8 {
        3
    }
}

#[tokio::main]
async fn main() {
    let thing = ThingClient::in_process(Node);
    #[expect(deprecated)]
    let old = thing.old().await.unwrap();
    assert_eq!(old, 3);
    assert_eq!(thing.counted(1).await.unwrap(), 2);
    assert_eq!(thing.inlined(1).await.unwrap(), 2);
    assert_eq!(thing.expects(1).await.unwrap(), 1);
    assert_eq!(thing.allows(1).await.unwrap(), 1);
    assert_eq!(ThingClient::MUST.info().docs(), "Documented.\n - with indentation");
    assert_eq!(ThingClient::DESCRIPTOR.docs(), "A service.\n\nWith two paragraphs.");
}
