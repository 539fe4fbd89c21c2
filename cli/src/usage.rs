//! [`parse`]: the command line, with usage errors that do not show what variables have set.

use clap::{Command, Parser};

/// Parses the command line as [`Parser::parse`] does, but an error shows the usage that the help has.
///
/// clap would show the options that are in use, and counts those that variables have set: `--secret <SECRET>`, of which the help
/// says that a command line is visible to others.
pub fn parse<P: Parser>() -> P {
    let mut program = P::command();
    // Commands know their whole names only then.
    program.build();
    let matches = with_usage_of_help(program).get_matches();
    P::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut P::command()).exit())
}

fn with_usage_of_help(mut command: Command) -> Command {
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    command.override_usage(usage).mut_subcommands(with_usage_of_help)
}
