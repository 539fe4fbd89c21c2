//! The order of the source tree, as tests: layers, headers, and the map in ARCHITECTURE.md.
//!
//! | file | what |
//! |---|---|
//! | `layers.rs` | words that must not occur in a layer, with the reasons |
//! | `files.rs` | headers and sizes of files; files that ARCHITECTURE.md names |
//! | `workspace.rs` | where packages, targets and sources are |

mod files;
mod layers;
mod workspace;
