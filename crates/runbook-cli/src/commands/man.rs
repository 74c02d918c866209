//! `runbook man`

use std::fs;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man as Page;
use clap_mangen::roff::{Roff, bold, roman};

use crate::args::{Args, EXIT_CODES, Man};
use crate::error::Error;
use crate::term;

/// What the commands other than `exec` end with.
const OTHERS: &[(&str, &str)] = &[
    ("0", "it went well"),
    (
        "1",
        "what it looked for is wrong: a journal was changed, a file is not formatted",
    ),
    ("2", "wrong usage, or a runbook with errors"),
];

/// Prints the main page, or writes all pages.
pub(crate) fn run(args: &Man) -> Result<u8, Error> {
    let mut command = Args::command();
    command.build();
    let Some(folder) = &args.dir else {
        term::print_bytes(page(&command, true)?.as_bytes());
        return Ok(0);
    };
    fs::create_dir_all(folder).map_err(|error| Error::file("make", folder, &error))?;
    write(folder, "runbook.1", &page(&command, true)?)?;
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = command.get_name();
        let whole = format!("runbook-{name}");
        let own = command.clone().name(whole.clone()).display_name(whole.clone());
        write(folder, &format!("{whole}.1"), &page(&own, name == "exec")?)?;
    }
    term::print(&format!(
        "wrote the pages; read one with `man -l {}/runbook.1`",
        folder.display()
    ));
    Ok(0)
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), Error> {
    let path = folder.join(name);
    fs::write(&path, text).map_err(|error| Error::file("write", &path, &error))
}

/// A page, with the exit codes of a run or of the other commands in a section of their own.
fn page(command: &Command, of_run: bool) -> Result<String, Error> {
    let page = Page::new(command.clone())
        .source(format!("runbook {}", env!("CARGO_PKG_VERSION")))
        .manual("Runbook manual");
    let mut bytes = Vec::new();
    let mut render = || -> std::io::Result<()> {
        page.render_title(&mut bytes)?;
        page.render_name_section(&mut bytes)?;
        page.render_synopsis_section(&mut bytes)?;
        page.render_description_section(&mut bytes)?;
        page.render_options_section(&mut bytes)?;
        if command.has_subcommands() {
            page.render_subcommands_section(&mut bytes)?;
        }
        exit_status(of_run).to_writer(&mut bytes)
    };
    render().map_err(|error| Error::usage(format!("cannot make the page: {error}")))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn exit_status(of_run: bool) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    if !of_run {
        for (code, meaning) in OTHERS {
            roff.control("TP", []);
            roff.text([bold(*code)]);
            roff.text([roman(*meaning)]);
        }
        return roff;
    }
    for line in EXIT_CODES.lines().skip(1) {
        let mut words = line.split_whitespace();
        let code = words.next().unwrap_or_default();
        let word = words.next().unwrap_or_default();
        let meaning: Vec<&str> = words.collect();
        roff.control("TP", []);
        roff.text([bold(format!("{code} {word}"))]);
        roff.text([roman(meaning.join(" "))]);
    }
    roff
}
