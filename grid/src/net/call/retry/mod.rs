//! Calls that are repeated: after a failure, or because their answer is late.
//!
//! A call without a policy does not come here. With one, its first poll makes a boxed future, which makes the attempts; each
//! attempt is a call of its own, with its own deadline, and passes the interceptors.
//!
//! | file | what |
//! |---|---|
//! | `policy.rs` | [`Retry`](policy::Retry) and [`Hedge`](policy::Hedge): what users set |
//! | `budget.rs` | [`RetryBudget`](budget::RetryBudget): bounds what is repeated |
//! | `plan.rs` | a call that has a policy, until its first poll |
//! | `run.rs` | makes the attempts |

pub(in crate::net) mod budget;
mod plan;
pub(in crate::net) mod policy;
mod run;
