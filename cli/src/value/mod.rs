//! JSON as people write it, and msgpack as it is sent: with the schema of a value where its service states one, and by its
//! form alone where not.

mod decode;
mod encode;
mod schema;

use std::fmt;

pub use self::decode::decode;
pub use self::encode::encode;
pub use self::schema::{Document, Schema};

/// A place inside a JSON value, such as `entries[3].name`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path(Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
}

impl Path {
    /// A path that begins at the argument of this name.
    pub fn of(name: &str) -> Self {
        Self(vec![Step::Field(name.to_owned())])
    }

    fn field(&self, name: &str) -> Self {
        self.with(Step::Field(name.to_owned()))
    }

    fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    fn with(&self, step: Step) -> Self {
        Self(self.0.iter().cloned().chain([step]).collect())
    }

    fn depth(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the value");
        }
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Field(name) if position == 0 => f.write_str(name)?,
                Step::Field(name) => write!(f, ".{name}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

/// A JSON value that its schema does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {what}")]
pub struct Invalid {
    /// Where it is.
    pub path: Path,
    /// What is wrong there.
    pub what: String,
}

impl Invalid {
    fn new(path: &Path, what: impl Into<String>) -> Self {
        Self { path: path.clone(), what: what.into() }
    }
}
