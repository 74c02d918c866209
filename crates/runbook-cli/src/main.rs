//! The program `runbook`: the composition root.
//!
//! Only here is anything printed, is the environment read, and are colours known. Each command is one file
//! under `commands`; what they share stands beside it: finding and reading the project's files
//! ([`project`]), showing findings ([`diagnostics`]), watching a run ([`view`]).

mod args;
mod ask;
mod catalogue;
mod clock;
mod commands;
mod compiled;
mod describe;
mod diagnostics;
mod error;
mod git;
mod identity;
mod lacking;
mod named;
mod pages;
mod parallel;
mod practice;
mod pretty;
mod project;
mod raised;
mod review;
mod roles;
mod seals;
mod secrets;
mod session;
mod signals;
mod sources;
mod survey;
mod table;
mod telling;
mod term;
mod view;
mod wanted;
mod when;

use std::panic::Location;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};
use crate::error::Error;
use crate::identity::Environment;
use crate::project::Project;

/// Reading and checking is mostly small allocations on all processors at once.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        let caught = runbook_engine::catches_panics();
        term::print_error(&panicked(panic.location(), caught));
    }));
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Clap writes help to the output and usage errors to the error output, with its own exit codes.
            drop(error.print());
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match run(args) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            error.print();
            ExitCode::from(error.exit_code())
        }
    }
}

/// What is said of a panic: only its place, since its message may quote a secret. One that an action causes, or a library
/// that it uses, is a failure of its step.
fn panicked(place: Option<&Location<'_>>, caught: bool) -> String {
    let place = place.map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
    if caught {
        format!("an action panicked{place}, so it has failed")
    } else {
        format!("this is a bug in runbook: it panicked{place}")
    }
}

fn run(args: Args) -> Result<u8, Error> {
    let environment = Environment::snapshot();
    let here = || Project::find(&environment, None);
    let there = |path: &&PathBuf| environment.directory.join(path).exists();
    match args.command {
        Command::Completions(args) => Ok(commands::completions::run(&args)),
        Command::Schema(args) => Ok(commands::schema::run(&args)),
        Command::Man(args) => commands::man::run(&args),
        Command::Explain(args) => commands::explain::run(&args),
        Command::New(args) => commands::new::run(&here()?, &environment, &args),
        Command::Fmt(args) => {
            let named = args.paths.iter().find(there).map(PathBuf::as_path);
            commands::fmt::run(&Project::find(&environment, named)?, &args)
        }
        Command::Note(args) => commands::note::run(&here()?, &environment, &args),
        Command::Lab(args) => commands::lab::run(&args),
        Command::Check(args) => {
            let named = args.paths.iter().find(there).map(PathBuf::as_path);
            commands::check::run(&Project::find(&environment, named)?, &environment, &args)
        }
        Command::Review(args) => commands::review::run(&here()?, &environment, &args),
        Command::Diff(args) => commands::review::diff(&here()?, &environment, &args),
        Command::Exec(args) => {
            let project = Project::find(&environment, Some(&args.runbook))?;
            commands::exec::run(&project, &environment, &args)
        }
        Command::Plan(args) => {
            let project = Project::find(&environment, Some(&args.runbook))?;
            commands::plan::run(&project, &environment, &args)
        }
        Command::Resume(args) => commands::resume::run(&here()?, &environment, &args),
        Command::Rollback(args) => commands::rollback::run(&here()?, &environment, &args),
        Command::Plugins(args) => commands::plugins::run(&here()?, &environment, &args),
        Command::Locks(args) => commands::locks::run(&here()?, &args),
        Command::Unlock(args) => commands::unlock::run(&here()?, &environment, &args),
        Command::List(args) => commands::list::run(&here()?, &args),
        Command::Runs(args) => commands::runs::run(&here()?, &environment, &args),
        Command::Stats(args) => commands::stats::run(&here()?, &args),
        Command::Seal(args) => commands::seal::run(&environment, &args),
        Command::Show(args) => {
            let named =
                Some(Path::new(&args.what)).filter(|named| environment.directory.join(named).exists());
            commands::show::run(&Project::find(&environment, named)?, &args)
        }
        Command::Verify(args) => commands::verify::run(&here()?, &environment, &args),
        Command::Watch(args) => commands::watch::run(&here()?, &environment, &args),
        Command::Timeline(args) => commands::timeline::run(&here()?, &args),
        Command::Report(args) => commands::report::run(&here()?, &environment, &args),
    }
}

#[cfg(test)]
mod tests {
    use std::panic::Location;

    #[test]
    fn a_panic_tells_its_place() {
        let here = Location::caller();
        let told = super::panicked(Some(here), false);
        assert!(told.ends_with(&format!("main.rs:{}", here.line())), "{told}");
        assert!(told.contains("this is a bug in runbook"));
        let told = super::panicked(Some(here), true);
        assert!(!told.contains("bug"), "{told}");
    }
}
