//! The commands as those of another program.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

use std::{env, fs, process};

use clap::{CommandFactory as _, Parser};
use grid_cli::{Command, EXIT_CODES, Global, run};

/// Looks into a shop.
#[derive(Debug, Parser)]
#[command(name = "shop", version = "7.8.9", after_help = EXIT_CODES)]
struct Args {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[tokio::test]
async fn man_pages_have_the_name_of_the_program() {
    let folder = env::temp_dir().join(format!("grid-cli-embedded-{}", process::id()));
    let Args { global, command } = Args::parse_from(["shop", "man", folder.to_str().unwrap()]);
    run(&global, command, Args::command()).await;
    let page = fs::read_to_string(folder.join("shop.1")).unwrap();
    for text in ["Looks into a shop", "7.8.9", "Exit codes"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    assert!(fs::read_to_string(folder.join("shop-ls.1")).is_ok());
    fs::remove_dir_all(folder).unwrap();
}
