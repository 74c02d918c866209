//! `runbook fmt`

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use runbook_document::Finding;
use similar::TextDiff;

use crate::args::Fmt;
use crate::diagnostics;
use crate::error::Error;
use crate::pretty::{self, Refusal};
use crate::project::{CONFIG, Project, RUNBOOKS, runbooks_below};
use crate::term::{self, BAD, DIM, GOOD, styled};

/// How many lines of a difference are shown.
const LINES: usize = 40;

/// How it went with a file.
#[derive(PartialEq, Eq)]
enum Went {
    Same,
    Changed,
    Refused,
}

/// Formats files, or the standard input.
pub(crate) fn run(project: &Project, args: &Fmt) -> Result<u8, Error> {
    let mut project = project.clone();
    if args.paths.iter().any(|path| path.as_os_str() == "-") {
        if args.paths.len() > 1 {
            return Err(Error::usage("`-` is the standard input, and stands alone"));
        }
        return standard_input(&mut project, args.check);
    }
    let paths = paths(&project, &args.paths)?;
    if paths.is_empty() {
        return Err(Error::usage_with(
            "there are no runbooks here, so nothing was formatted",
            "name files or folders that hold `.yaml` files",
        ));
    }
    let mut went = Vec::new();
    for path in &paths {
        went.push(file(&mut project, path, args.check)?);
    }
    let count = |what: Went| went.iter().filter(|went| **went == what).count();
    let (changed, refused) = (count(Went::Changed), count(Went::Refused));
    term::print(&summary(went.len(), changed, refused, args.check));
    Ok(code(changed > 0, refused > 0, args.check))
}

fn code(changed: bool, refused: bool, check: bool) -> u8 {
    if refused { 2 } else { u8::from(changed && check) }
}

/// What is meant: each file once.
fn paths(project: &Project, given: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut paths = Vec::new();
    if given.is_empty() {
        paths = project.all_runbooks()?;
        paths.extend(Some(project.root.join(CONFIG)).filter(|path| path.is_file()));
    }
    for given in given {
        let bases = [
            project.directory.clone(),
            project.root.clone(),
            project.root.join(RUNBOOKS),
        ];
        match bases
            .iter()
            .map(|base| base.join(given))
            .find(|path| path.is_dir())
        {
            Some(folder) => paths.extend(runbooks_below(&folder)?),
            None => paths.push(project.find_runbook(given)?),
        }
    }
    // A link is formatted where it leads to.
    let mut real = Vec::new();
    for path in paths {
        let path = fs::canonicalize(&path).map_err(|error| Error::file("read", &path, &error))?;
        if !real.contains(&path) {
            real.push(path);
        }
    }
    Ok(real)
}

fn file(project: &mut Project, path: &Path, check: bool) -> Result<Went, Error> {
    let shown = project.shown(path);
    let mut findings = runbook_document::Findings::new();
    let Some((source, before)) = project.read(path, shown.clone(), &mut findings)? else {
        return Ok(refuse(project, &shown, Refusal::Findings(findings.into_sorted())));
    };
    let after = match pretty::format(source, &before) {
        Ok(after) => after,
        Err(refusal) => return Ok(refuse(project, &shown, refusal)),
    };
    if before == after {
        return Ok(Went::Same);
    }
    if check {
        term::print(&format!("{} {shown} would change", styled(BAD, "✗")));
        term::print_raw(&difference(&before, &after));
    } else {
        replace(path, &after)?;
        term::print(&format!("{} {shown}", styled(GOOD, "formatted")));
    }
    Ok(Went::Changed)
}

/// Says why a text was left as it is.
fn refuse(project: &Project, name: &str, refusal: Refusal) -> Went {
    match refusal {
        Refusal::Findings(findings) => print_findings(project, &findings),
        Refusal::Unread(why) => {
            let text = format!("formatting cannot read `{name}` ({why}), so it is left as it is");
            term::print_error(&format!("{} {text}", styled(BAD, "error:")));
            term::print_error("  help: write what begins there in a more usual way");
        }
        Refusal::Loses(what) => {
            let text = format!("formatting `{name}` would not keep {what}, so it is left as it is");
            term::print_error(&format!("{} {text}", styled(BAD, "error:")));
            term::print_error(
                "  help: a text after `|+` that ends in several empty lines is such a value; write it in double quotes",
            );
        }
    }
    Went::Refused
}

fn print_findings(project: &Project, findings: &[Finding]) {
    let text = diagnostics::text(&project.sources, findings, &std::io::stderr());
    term::print_error(text.trim_end());
}

fn standard_input(project: &mut Project, check: bool) -> Result<u8, Error> {
    const NAME: &str = "standard input";
    let mut bytes = Vec::new();
    // One byte more than may be: what is longer is refused, and not cut.
    let most = runbook_document::MAX_BYTES as u64 + 1;
    std::io::stdin()
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(|error| Error::file("read", Path::new(NAME), &error))?;
    let Ok(before) = String::from_utf8(bytes) else {
        return Err(Error::usage_with(
            "the standard input is not UTF-8",
            "save it as UTF-8",
        ));
    };
    let source = project.sources.add(NAME.to_owned(), before.clone());
    match pretty::format(source, &before) {
        Ok(after) => {
            let changed = after != before;
            if !check {
                term::print_bytes(after.as_bytes());
            } else if changed {
                term::print_raw(&difference(&before, &after));
            }
            Ok(code(changed, false, check))
        }
        Err(refusal) => {
            refuse(project, NAME, refusal);
            Ok(2)
        }
    }
}

/// Puts a text in the place of a file at once, so that nobody finds half of it; the mode and the owner stay.
fn replace(path: &Path, text: &str) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || -> std::io::Result<()> {
        let old = fs::metadata(path)?;
        let mut file = tempfile::Builder::new()
            .prefix(".runbook-fmt")
            .tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        keep_owner(file.path(), &old);
        fs::set_permissions(file.path(), old.permissions())?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|error| Error::file("write", path, &error))
}

/// Root who formats another's file leaves it theirs. Where that is not allowed, the file is that of who formatted it,
/// as with any editor.
fn keep_owner(path: &Path, old: &fs::Metadata) {
    use std::os::unix::fs::{MetadataExt, chown};
    chown(path, Some(old.uid()), Some(old.gid())).ok();
}

/// What is different, as far as it is short.
fn difference(before: &str, after: &str) -> String {
    let diff = TextDiff::from_lines(before, after);
    let unified = diff.unified_diff().context_radius(1).to_string();
    let line = |line: &str| {
        let style = match line.chars().next() {
            Some('+') => GOOD,
            Some('-') => BAD,
            _ => DIM,
        };
        format!("  {}\n", styled(style, &runbook_report::visible(line)))
    };
    let shown: String = unified.lines().take(LINES).map(line).collect();
    match unified.lines().count().saturating_sub(LINES) {
        0 => shown,
        more => format!("{shown}{}\n", styled(DIM, &format!("  … and {more} more lines"))),
    }
}

fn summary(files: usize, changed: usize, refused: usize, check: bool) -> String {
    let plural = if files == 1 { "" } else { "s" };
    let how = match (changed, check) {
        (0, _) if refused == 0 => "all are formatted".to_owned(),
        (changed, true) => format!("{changed} would change"),
        (changed, false) => format!("{changed} changed"),
    };
    let alone = match refused {
        0 => String::new(),
        refused => format!(", {refused} left alone"),
    };
    let next = match (changed, check) {
        (0, _) | (_, false) => "",
        (_, true) => "; format them with `runbook fmt`",
    };
    format!("{files} file{plural}: {how}{alone}{next}")
}
