//! Payload types with parameters, constants and long paths.
#![deny(warnings)]

use std::collections::{BTreeMap, HashMap};

use grid::{Incoming, Json, Outgoing, Raw, RemoteError};

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
struct Page<T, const N: usize = 3> {
    items: Vec<T>,
}

#[grid::service]
trait Store {
    async fn page(&self, after: Option<Page<String>>, limit: (u32, Option<u8>)) -> Result<Page<u8>, RemoteError>;
    async fn sized(&self, page: Page<[u8; 4], { 1 + 1 }>) -> [u8; 4];
    async fn maps(&self, map: HashMap<String, Vec<Box<str>>>) -> BTreeMap<std::string::String, Option<bool>>;
    async fn json(&self, value: Json<Vec<Page<u8>>>) -> (Json<u8>, u8);
    async fn raw(&self, input: Incoming<Raw>, out: Outgoing<Raw>);
    async fn sets(&self, input: Incoming<Vec<Page<u8>>>) -> Result<std::boxed::Box<str>, RemoteError>;
    async fn marked(&self, marker: std::marker::PhantomData<fn(&str) -> Option<()>>);
    async fn cow(&self, text: std::borrow::Cow<'static, str>) -> std::borrow::Cow<'static, str>;
}

fn main() {
    assert_eq!(StoreClient::PAGE.info().arguments(), [("after", "Option<Page<String>>"), ("limit", "(u32, Option<u8>)")]);
    assert_eq!(StoreClient::PAGE.info().returns(), "Result<Page<u8>, RemoteError>");
    assert_eq!(StoreClient::SIZED.info().arguments(), [("page", "Page<[u8; 4], { 1 + 1 }>")]);
    assert_eq!(StoreClient::MAPS.info().returns(), "BTreeMap<std::string::String, Option<bool>>");
    assert_eq!(StoreClient::SETS.info().arguments(), [("input", "Incoming<Vec<Page<u8>>>")]);
    assert_eq!(StoreClient::COW.info().returns(), "std::borrow::Cow<'static, str>");
}
