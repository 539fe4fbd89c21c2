//! The commands that read.

use std::io::Write as _;

use clap::Args;
use grid_kv::service::{Consistency, ScanRequest, Status};

use crate::client::{Role, Target};
use crate::exit::Failure;
use crate::output::{event, line, shown};

/// Prints the value of a key.
#[derive(Args)]
pub(crate) struct Get {
    #[command(flatten)]
    target: Target,
    key: String,
    /// How new the value must be
    #[arg(long, value_enum, default_value = "linearizable")]
    consistency: Consistency,
    /// Only the bytes of the value, without the end of a line
    #[arg(long)]
    raw: bool,
}

impl Get {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let (client, _) = self.target.client(Role::Client)?;
        let found = client.get(self.key.clone(), self.consistency).await?;
        let item = found.ok_or_else(|| Failure::No(format!("there is no key {:?}", self.key)))?;
        let mut out = std::io::stdout().lock();
        out.write_all(&item.value)?;
        if !self.raw {
            out.write_all(b"\n")?;
        }
        Ok(out.flush()?)
    }
}

/// Prints the keys with a prefix.
#[derive(Args)]
pub(crate) struct Scan {
    #[command(flatten)]
    target: Target,
    #[arg(default_value = "")]
    prefix: String,
    /// Only keys after this one
    #[arg(long, value_name = "KEY")]
    after: Option<String>,
    /// At most this many
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    /// How new the beginning must be
    #[arg(long, value_enum, default_value = "linearizable")]
    consistency: Consistency,
    /// Only the keys
    #[arg(long)]
    keys: bool,
}

impl Scan {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let (client, _) = self.target.client(Role::Client)?;
        let Self { prefix, after, limit, consistency, keys, .. } = self;
        let mut scan = client.scan(ScanRequest { prefix, after, limit, consistency });
        while let Some(entry) = scan.next().await? {
            let key = shown(entry.key.as_bytes());
            line(if keys { key } else { format!("{key}\t{}", shown(&entry.item.value)) })?;
        }
        Ok(())
    }
}

/// Prints changes.
#[derive(Args)]
pub(crate) struct Watch {
    #[command(flatten)]
    target: Target,
    #[arg(default_value = "")]
    prefix: String,
    /// Begins with the changes after this revision, instead of those from now on
    #[arg(long, value_name = "REVISION")]
    after: Option<u64>,
    /// Ends after this many changes, instead of never
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
}

impl Watch {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let (client, _) = self.target.client(Role::Client)?;
        let mut watch = client.watch(self.prefix, self.after).await?;
        let mut left = self.limit.unwrap_or(u64::MAX);
        while left > 0 {
            left -= 1;
            line(event(&watch.next().await?))?;
        }
        Ok(())
    }
}

/// Prints what each node knows of the group: those that were named, and the members that they know.
pub(crate) async fn status(target: Target) -> Result<(), Failure> {
    let (client, mut nodes) = target.client(Role::Client)?;
    let (mut at, mut leader) = (0, None);
    while let Some(node) = nodes.get(at).cloned() {
        at += 1;
        match client.status(&node).await {
            Err(error) => line(format!("{node}  {error}"))?,
            Ok(status) => {
                line(row(&node, &status))?;
                for member in &status.members {
                    if !nodes.contains(&member.name) {
                        nodes.push(member.name.clone());
                    }
                }
                if status.role == "leader" {
                    leader = Some(status);
                }
            }
        }
    }
    let none = "no node says that it leads: check that most members run and reach each other";
    let leader = leader.ok_or_else(|| Failure::NotDone(none.into()))?;
    let role = |is_voter| if is_voter { "voter" } else { "learner" };
    for member in &leader.members {
        line(format!("member {}  {}  {}", member.id, member.name, role(member.is_voter)))?;
    }
    Ok(())
}

fn row(node: &str, status: &Status) -> String {
    let number = |number: Option<u64>| number.map_or("-".to_owned(), |number| number.to_string());
    format!(
        "{node}  {}  id {}  term {}  log {}  applied {}  snapshot {}  revision {}",
        status.role,
        status.id,
        status.term,
        number(status.last_log),
        number(status.applied),
        number(status.snapshot),
        status.revision,
    )
}
