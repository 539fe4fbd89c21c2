//! What is measured, as plain data: a [`Cell`] is one contender at one work, in one mode and with one width.
//!
//! This folder imports nothing from the rest of the program.

mod mode;
mod name;
mod payload;
mod times;
mod work;

use serde::{Deserialize, Serialize};

pub(crate) use self::{
    mode::{Line, Mode},
    name::Name,
    payload::{BULK_BYTES, SMALL_BYTES, Small, payload},
    times::Times,
    work::{BULK_WIDTH, Work},
};

/// One measurement.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, clap::Args, Serialize, Deserialize,
)]
// Without this, clap's debug assertions find two groups named `Cell`: this one and that of the subcommand.
#[group(skip)]
pub(crate) struct Cell {
    #[arg(long)]
    pub(crate) work: Work,
    #[arg(long, default_value_t = 1)]
    pub(crate) width: u32,
    #[arg(long, default_value = "threads")]
    pub(crate) mode: Mode,
    #[arg(long, default_value = "grid")]
    pub(crate) contender: Name,
}

impl Cell {
    /// Arguments for a child process.
    pub(crate) fn to_args(self) -> [String; 8] {
        let Self { work, width, mode, contender } = self;
        [
            "--work".into(),
            work.name().into(),
            "--width".into(),
            width.to_string(),
            "--mode".into(),
            mode.name().into(),
            "--contender".into(),
            contender.name().into(),
        ]
    }

    /// Work, width and mode, without the contender.
    pub(crate) fn title(self) -> String {
        let Self { work, width, mode, .. } = self;
        match work {
            Work::Stream | Work::TwoWay | Work::Mixed | Work::Busy => {
                format!("{} {}", work.name(), mode.name())
            }
            _ => format!("{} {width} {}", work.name(), mode.name()),
        }
    }
}
