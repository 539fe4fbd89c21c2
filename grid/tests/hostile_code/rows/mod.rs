//! The rows of the matrix of hostile code: one test for each kind of user code that the library runs. `docs/reliability.md`
//! has the table. [`Row`](crate::row::Row) has the columns and the oracle.

mod around;
mod buffers;
mod callers;
mod connecting;
mod handlers;
mod log;
mod shapes;
mod sources;
mod values;
mod wakers;
