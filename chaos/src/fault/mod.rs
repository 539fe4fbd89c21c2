//! The faults: their kinds, and the plan that says which there are, when and where.

mod kind;
mod plan;

pub(crate) use kind::{Fault, Kind, LinkFault, Place};
pub(crate) use plan::{Planned, plan};
