//! What is made of the samples: tables, the table of aims, plots.

pub(crate) mod plot;
mod results;
pub(crate) mod tables;
pub(crate) mod targets;

pub(crate) use self::results::Results;
