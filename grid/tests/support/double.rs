//! A service for tests that only need a call to succeed.

#[grid::service]
pub(crate) trait Double {
    async fn double(&self, number: u64) -> u64;
}

pub(crate) struct Doubler;

impl Double for Doubler {
    async fn double(&self, number: u64) -> u64 {
        2 * number
    }
}
