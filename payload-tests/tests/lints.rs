//! Generated code triggers no lint of clippy, not even of the groups that are off by default.
#![deny(clippy::pedantic, clippy::nursery)]

#[grid::service]
trait Quiet {
    async fn single(&self, number: u8, text: String) -> Result<u64, grid::RemoteError>;
    async fn push(&self, out: grid::Outgoing<u8>);
    async fn two_way(&self, input: grid::Incoming<u8>, out: grid::Outgoing<u8>);
    async fn marked(&self, marker: std::marker::PhantomData<fn(&str) -> u8>);
    #[handler(blocking)]
    fn blocks(&self) -> u8;
}

#[test]
fn the_service_is_complete() {
    assert_eq!(QuietClient::DESCRIPTOR.methods().len(), 5);
}
