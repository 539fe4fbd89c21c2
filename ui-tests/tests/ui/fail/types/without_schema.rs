//! Types of a service with `schema` that have no JSON Schema.

use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Entry {
    name: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Full;

impl std::fmt::Display for Full {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("full")
    }
}

#[grid::service(schema)]
trait Store {
    async fn put(&self, entry: Entry) -> Result<u64, Full>;
    async fn all(&self) -> Vec<Entry>;
}

fn main() {}
