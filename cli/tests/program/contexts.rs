//! Connections that are saved under a name, and what needs no node.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::Ran;

/// A folder that is removed at the end.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("grid-cli-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(&[], arguments)
    }

    /// Runs the program with these variables.
    pub(crate) fn run_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
        let program = Command::new(env!("CARGO_BIN_EXE_grid"))
            .args(arguments)
            .env_remove("GRID_NODE")
            .envs(variables.iter().copied())
            .env("GRID_CONTEXTS", self.0.join("below/contexts.json"))
            .output();
        Ran::of(program.unwrap())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn contexts_are_saved_used_and_removed() {
    let folder = Folder::new("contexts");
    folder.run(&["ping"]).fails(2, "no node to connect to");
    folder.run(&["--context", "live", "ping"]).fails(2, "no context `live`: none is saved");
    folder.run(&["context", "save", "live"]).fails(2, "pass --node");
    let secret =
        folder.run(&["-n", "http://127.0.0.1:1", "--secret", "s", "context", "save", "live"]);
    secret.fails(2, "--secret-file");
    assert_eq!(folder.run(&["-n", "http://127.0.0.1:1", "context", "save", "live"]).code, 0);
    let other =
        ["-n", "http://127.0.0.1:2", "--secret-file", "secret.txt", "context", "save", "other"];
    assert_eq!(folder.run(&other).code, 0);
    let listed = folder.run(&["context", "--json"]).json();
    assert_eq!(listed["current"], "live", "the first one");
    let file = listed["contexts"]["other"]["secret_file"].as_str().unwrap();
    assert!(file.ends_with("/secret.txt") && file.starts_with('/'), "{file}");

    let short = ["--connect-timeout", "1s", "ping"];
    folder.run(&short).fails(3, "http://127.0.0.1:1 as a guest");
    folder.run(&[&["--context", "other"], &short[..]].concat()).fails(2, "secret.txt");
    folder.run(&["context", "use", "nowhere"]).fails(2, "there is live, other");
    assert_eq!(folder.run(&["context", "use", "other"]).code, 0);
    folder.run(&short).fails(2, "secret.txt");
    // Another node than the saved one is not told the saved secret.
    folder
        .run(&[&["-n", "http://127.0.0.1:3"], &short[..]].concat())
        .fails(3, "http://127.0.0.1:3");
    assert_eq!(folder.run(&["context", "remove", "other"]).code, 0);
    assert_eq!(folder.run(&["context"]).out, "  live  http://127.0.0.1:1\n");
    fs::write(folder.0.join("below/contexts.json"), "{").unwrap();
    folder.run(&["ping"]).fails(2, "cannot read the contexts of");
}

#[test]
fn man_pages_and_the_guide_have_all_commands() {
    let folder = Folder::new("man");
    let to = folder.0.join("man1");
    assert_eq!(folder.run(&["man", to.to_str().unwrap()]).code, 0);
    let guide = include_str!("../../../docs/guide/command.md");
    let help = folder.run(&["--help"]).out;
    let commands = help.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    // A text goes on in further lines, which begin further to the right.
    let names = commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<_> = names.map(|line| line.split_whitespace().next().unwrap()).collect();
    assert!(names.len() > 10, "{help}");
    for name in names.into_iter().filter(|name| *name != "help") {
        let page = fs::read_to_string(to.join(format!("grid-{name}.1"))).unwrap();
        assert!(page.contains(".SH DESCRIPTION") || page.contains(".SH NAME"), "{name}");
        assert!(guide.contains(&format!("`grid {name}")), "the guide does not name `grid {name}`");
    }
}
