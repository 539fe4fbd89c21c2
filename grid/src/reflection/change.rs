//! One difference between two versions of a service, and who is broken by it.

use std::fmt::{self, Display, Formatter};

use super::kind::ChangeKind;

/// Who can no longer call, while nodes of both versions run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Breaks {
    /// Nobody: both versions understand each other, or fail as the callers of a new version expect of old nodes.
    Nothing,
    /// Callers of the old version, at nodes of the new one.
    OldCallers,
    /// Callers of the new version, at nodes of the old one.
    NewCallers,
    /// Callers of each version, at nodes of the other.
    Both,
}

impl Breaks {
    pub(crate) fn of(old_callers: bool, new_callers: bool) -> Self {
        match (old_callers, new_callers) {
            (false, false) => Self::Nothing,
            (true, false) => Self::OldCallers,
            (false, true) => Self::NewCallers,
            (true, true) => Self::Both,
        }
    }

    /// Whether anybody is broken.
    pub fn is_breaking(self) -> bool {
        self != Self::Nothing
    }
}

impl Display for Breaks {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nothing => "nobody",
            Self::OldCallers => "old callers of a new node",
            Self::NewCallers => "new callers of an old node",
            Self::Both => "old callers of a new node, and new callers of an old node",
        })
    }
}

/// A difference between two versions of a service; [`compare`](super::compare()) finds them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// Where: `Disk`, `Disk/stat`, or a place in a value of a method, such as `Disk/stat, argument query.depth`.
    pub path: String,
    /// What has changed there, as a sentence without a full stop.
    pub what: String,
    /// Who is broken by it.
    pub breaks: Breaks,
    /// What kind of change it is.
    pub kind: ChangeKind,
    /// The row of the tables in the guide's chapter on evolving a service, section "Changing a service".
    pub row: &'static str,
    /// What to do instead, or what to take care of.
    pub advice: String,
}

/// Several lines: what and where, who is broken, the row of the table, and what to do.
impl Display for Change {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.path, self.what)?;
        writeln!(f, "    breaks:  {}", self.breaks)?;
        writeln!(f, "    row:     {}", self.row)?;
        let label = if self.breaks.is_breaking() { "instead: " } else { "note:    " };
        write!(f, "    {label}{}", self.advice)
    }
}

impl Change {
    pub(crate) fn new(
        path: impl Into<String>,
        what: impl Into<String>,
        row: ChangeKind,
        breaks: Breaks,
    ) -> Self {
        let (path, what, advice) = (path.into(), what.into(), row.advice().to_owned());
        Self { path, what, breaks, kind: row, row: row.text(), advice }
    }
}
