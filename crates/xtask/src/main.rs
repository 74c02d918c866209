//! Chores of this repository: `cargo xtask tidy`, `setup` and `ci`.
//!
//! This is a tool for people and for CI, so it prints, spawns programs and reads the clock and the environment.
//! Everything that decides is a pure function over what was loaded before, with tests that show it can fail.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a command line of its own: it prints, runs cargo and apt-get, and measures the stages"
)]

mod ci;
mod finding;
mod graph;
mod markdown;
mod program;
mod repo;
mod rust_code;
mod setup;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
Chores of this repository.

Usage: cargo xtask <COMMAND>

Commands:
  tidy              Check the house rules that no compiler knows, and list all that breaks one
  setup             Install what the tests and CI need; quick when everything is there
  setup --packages  Only print the names of the system packages that are missing, for `apt-get install`
  ci                Everything that must pass before a change is merged, in one command
  ci --list         Only print the stages of `ci` and what each runs
  help              This text

What `tidy` checks is described in ARCHITECTURE.md, under \"Checked by tidy\".";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["tidy"] => tidy::run(&root()),
        ["setup"] => setup::run(&root()),
        ["setup", "--packages"] => {
            println!("{}", setup::package_names());
            Ok(())
        }
        ["ci"] => ci::run(&root()),
        ["ci", "--list"] => {
            print!("{}", ci::list());
            Ok(())
        }
        ["help" | "--help" | "-h"] | [_, "--help" | "-h"] => {
            println!("{HELP}");
            Ok(())
        }
        [] => Err(HELP.to_owned()),
        other => Err(format!("unknown command `{}`\n\n{HELP}", other.join(" "))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the repository: two levels above this crate.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}
