//! What operators may do. They are guests with a secret of their own, and use the command `grid`.

use grid::admin::{LogFilter, Operators};
use grid::{Builder, Denied, Guests, SharedSecret};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Registry, reload};

/// Operators who are connected at once.
const OPERATORS_MAX: usize = 16;

/// The level of the log, which operators can change.
pub(crate) struct Level(pub(crate) reload::Handle<LevelFilter, Registry>);

impl LogFilter for Level {
    fn get(&self) -> String {
        self.0.clone_current().map(|level| level.to_string()).unwrap_or_default()
    }

    fn set(&self, level: &str) -> Result<(), String> {
        let level: LevelFilter =
            level.parse().map_err(|_| "not error, warn, info, debug or trace")?;
        self.0.reload(level).map_err(|error| error.to_string())
    }
}

/// Lets guests with this secret call all services, and look into the node.
pub(crate) fn operated(node: Builder, secret: &str, level: Level) -> Builder {
    let operators = Operators::permit(|call| match call.context().is_guest() {
        true => Ok(()),
        false => Err(Denied::new("only operators may, and they are guests")),
    });
    node.guests(Guests::up_to(OPERATORS_MAX).token(SharedSecret::new(secret)))
        .admin(operators.log_filter(level))
}
