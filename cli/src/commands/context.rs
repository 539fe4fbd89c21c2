//! `grid context`.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::connect::Global;
use crate::contexts::Contexts;
use crate::failure::Failure;
use crate::output::{line, table};

/// Saves connections under a name, to be used with --context or by default. Without more, lists them.
#[derive(Debug, Args)]
pub struct Context {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Saves the options of the connection under this name: the node, files with secrets and certificates.
    Save {
        /// The name.
        name: String,
    },
    /// Uses the context of this name if no other is named.
    Use {
        /// The name.
        name: String,
    },
    /// Removes the context of this name.
    Remove {
        /// The name.
        name: String,
    },
}

impl Context {
    /// Needs the options as they were given, without those of a context.
    pub(crate) fn run(self, given: &Global) -> Result<(), Failure> {
        let mut all = Contexts::read()?;
        match self.action {
            None => return list(&all, given.json),
            Some(Action::Save { name }) => {
                let context = given.to_context()?;
                all.contexts.insert(name.clone(), context);
                all.current.get_or_insert(name);
            }
            Some(Action::Use { name }) => {
                all.get(&name)?;
                all.current = Some(name);
            }
            Some(Action::Remove { name }) => {
                all.get(&name)?;
                all.contexts.remove(&name);
                all.current = all.current.filter(|current| *current != name);
            }
        }
        all.write()
    }
}

fn list(all: &Contexts, is_json: bool) -> Result<(), Failure> {
    if is_json {
        return line(json!(all));
    }
    table(all.contexts.iter().map(|(name, context)| {
        let is_current = all.current.as_ref() == Some(name);
        let node = context.node.clone().unwrap_or_default();
        [if is_current { "*" } else { "" }.to_owned(), name.clone(), node]
    }))
}
