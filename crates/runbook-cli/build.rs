//! Puts the pages of the book on codes into a table, so that `runbook explain` needs no files.

use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

#[expect(
    clippy::disallowed_methods,
    reason = "cargo tells a build script in a variable where to write"
)]
fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../book/src/codes");
    let folder = fs::canonicalize(folder)?;
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if let Some(code) = name.strip_suffix(".md").filter(|code| code.starts_with("RB")) {
            names.push(code.to_owned());
        }
    }
    names.sort();
    let mut table = String::from("/// Each code and its page.\nconst PAGES: &[(&str, &str)] = &[\n");
    for name in names {
        let path = folder.join(format!("{name}.md"));
        let path = path.to_string_lossy();
        writeln!(table, "    ({name:?}, include_str!({path:?})),").map_err(io::Error::other)?;
    }
    table.push_str("];\n");
    let out = std::env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?;
    fs::write(Path::new(&out).join("pages.rs"), table)
}
