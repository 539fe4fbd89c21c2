//! `grid console`: a page for browsers that shows a running grid, a recorded one, or a made-up one.
//!
//! The page is in `cli/console/`, and is a part of the program. Its server is here. Everything that it shows is read only,
//! unless the console was started with `--allow-calls`.
//!
//! | file | what |
//! |---|---|
//! | `origin.rs` | where what is shown is from |
//! | `state.rs`, `services.rs` | what the page receives |
//! | `collect.rs` | follows all nodes |
//! | `board.rs`, `host.rs` | what they have reported last, all together and each |
//! | `rates.rs`, `trends.rs` | counts as rates and percentiles, and their last two minutes |
//! | `recording.rs`, `demo/` | a file instead of nodes; made-up nodes |
//! | `server.rs`, `assets.rs`, `app.rs` | the routes, the files of the page, and what requests share |
//! | `bounds.rs` | what of a node is cut |
//! | `guard.rs`, `connections.rs` | which requests are answered, the headers of all answers, and the number of connections |
//! | `live.rs`, `tap.rs`, `call.rs` | states every second, tapped calls, and calls |

mod app;
mod assets;
mod board;
mod bounds;
mod call;
mod collect;
mod connections;
mod demo;
mod guard;
mod host;
mod live;
mod origin;
mod rates;
mod recording;
mod server;
mod services;
mod state;
mod tap;
mod trends;

pub(crate) use self::guard::Guard;
pub(crate) use self::origin::{Origin, record};
pub(crate) use self::server::serve;
