//! The order of the source tree, as tests: layers, headers, the map in ARCHITECTURE.md, and no circles of files.
//!
//! | file | what |
//! |---|---|
//! | `documents.rs` | tests and files that documents name |
//! | `layers.rs` | words that must not occur in a layer, with the reasons |
//! | `files.rs` | headers and sizes of files; files that ARCHITECTURE.md names |
//! | `circles.rs` | no files that import each other; `planted.rs` tests the search itself |
//! | `modules.rs`, `paths.rs` | parse a crate into modules and the paths that they name |
//! | `imports.rs` | resolves those paths, and defines what an import is |
//! | `workspace.rs` | where packages, targets and sources are |

mod circles;
mod documents;
mod files;
mod imports;
mod layers;
mod modules;
mod paths;
mod planted;
mod workspace;
