//! `runbook completions`

use clap::CommandFactory;

use crate::args::{Args, Completions};
use crate::term;

pub(crate) fn run(args: &Completions) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), "runbook", &mut script);
    term::print_raw(&String::from_utf8_lossy(&script));
    0
}
