//! [`Contexts`]: connections that were saved under a name.
//!
//! They are in one file, and it has no secrets, only the names of files with secrets.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// The variable that names the file.
const FILE: &str = "GRID_CONTEXTS";

/// A node, and how to connect to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Context {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret_file: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cert: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<PathBuf>,
}

/// All contexts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Contexts {
    /// The one that is used if no other is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    pub(crate) contexts: BTreeMap<String, Context>,
}

impl Contexts {
    /// Reads the file. Without one there are no contexts.
    pub(crate) fn read() -> Result<Self, Failure> {
        let Some(file) = file() else { return Ok(Self::default()) };
        match fs::read_to_string(&file) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| wrong(&file, "read", &error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(wrong(&file, "read", &error)),
        }
    }

    /// Writes the file.
    pub(crate) fn write(&self) -> Result<(), Failure> {
        let file = file().ok_or_else(|| {
            Failure::Usage(format!("no place for contexts: set {FILE} to the name of a file"))
        })?;
        self.write_to(&file).map_err(|error| wrong(&file, "write", &error))
    }

    fn write_to(&self, file: &Path) -> io::Result<()> {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        // A reader sees the old file or the new one.
        let new = file.with_extension("new");
        fs::write(&new, serde_json::to_string_pretty(self)? + "\n")?;
        fs::rename(&new, file)
    }

    /// The context of this name.
    pub(crate) fn get(&self, name: &str) -> Result<&Context, Failure> {
        self.contexts.get(name).ok_or_else(|| {
            let known: Vec<_> = self.contexts.keys().map(|name| &**name).collect();
            Failure::Usage(match known.is_empty() {
                true => format!("there is no context `{name}`: none is saved"),
                false => format!("there is no context `{name}`; there is {}", known.join(", ")),
            })
        })
    }
}

fn wrong(file: &Path, what: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::Usage(format!("cannot {what} the contexts of {}: {error}", file.display()))
}

/// Where contexts are: as the variable says, or in the user's folder for configurations.
fn file() -> Option<PathBuf> {
    let of = |variable| env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
    if let Some(file) = of(FILE) {
        return Some(file);
    }
    let folder = of("XDG_CONFIG_HOME")
        .or_else(|| of("APPDATA"))
        .or_else(|| Some(of("HOME")?.join(".config")))?;
    Some(folder.join("grid").join("contexts.json"))
}
