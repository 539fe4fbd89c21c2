//! The texts of the help, of man pages and of usage errors.

use std::fs;

use crate::contexts::Folder;
use crate::run_with;

/// What nobody answers at: help needs no node.
const NOWHERE: &str = "http://127.0.0.1:1";

/// All of the documentation of a command is in its help, not only its first sentence.
#[test]
fn the_help_of_a_command_is_whole() {
    let texts = [
        ("gather", "look into the archive before you give it to others"),
        ("top", "q ends it, s changes the order"),
        ("console", "It reads only, unless"),
        ("streams", "A window is what may still be sent"),
        ("bench", "is timed from when it should have begun"),
    ];
    for (command, text) in texts {
        let help = run_with(NOWHERE, &[command, "--help"], "").out;
        let words = help.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(text), "{text}: {help}");
    }
    let gather = run_with(NOWHERE, &["gather", "--help"], "").out;
    assert_eq!(gather.matches("grid-report.tar.gz").count(), 1, "{gather}");
    let all = run_with(NOWHERE, &["--help"], "").out;
    assert!(all.contains("Shows all about a service or a method: signature"), "{all}");
    assert!(!all.contains("What to do"), "{all}");
}

#[test]
fn man_pages_are_those_of_the_program() {
    let folder = Folder::new("pages");
    let to = folder.0.join("man1");
    assert_eq!(folder.run(&["man", to.to_str().unwrap()]).code, 0);
    let page = fs::read_to_string(to.join("grid.1")).unwrap();
    for text in ["as a guest of one of its nodes", "Exit codes: 0 done", env!("CARGO_PKG_VERSION")]
    {
        assert!(page.contains(text), "{text}: {page}");
    }
    let page = fs::read_to_string(to.join("grid-gather.1")).unwrap();
    assert!(page.contains("look into the archive"), "{page}");
    assert!(!to.join("grid-help.1").exists());
    let nowhere = folder.0.join("a-file");
    fs::write(&nowhere, "").unwrap();
    folder.run(&["man", nowhere.to_str().unwrap()]).fails(2, "a-file: ");
}

/// clap adds options that variables have set, among them one that the help warns of.
#[test]
fn usage_errors_do_not_show_what_variables_have_set() {
    let folder = Folder::new("usage");
    let variables = [("GRID_NODE", NOWHERE), ("GRID_SECRET", "s3cret")];
    let ran = folder.run_with(&variables, &["describe"]);
    ran.fails(2, "Usage: grid describe [OPTIONS] <NAME>\n");
    assert!(!ran.err.contains("--secret"), "{ran:?}");
    let ran = folder.run_with(&variables, &["context", "save"]);
    ran.fails(2, "Usage: grid context save [OPTIONS] <NAME>\n");
    assert!(!ran.err.contains("--secret"), "{ran:?}");
    folder.run(&["nothing"]).fails(2, "Usage: grid [OPTIONS] <COMMAND>\n");
}
