//! The report: tables of all samples, the table of targets, and plots.

pub(crate) mod plot;
mod results;
pub(crate) mod tables;
pub(crate) mod targets;

pub(crate) use self::results::Results;
