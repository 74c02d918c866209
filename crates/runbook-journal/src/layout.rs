//! Where the parts of a run are, and how they are created: for their owner only.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use crate::chain::hex;

pub(crate) const JOURNAL: &str = "journal.jsonl";
pub(crate) const READINGS: &str = "readings.jsonl";
pub(crate) const OUTPUT: &str = "output";
pub(crate) const PINNED: &str = "pinned";
pub(crate) const LOCK: &str = "lock";
pub(crate) const SEALS: &str = "seals.jsonl";
pub(crate) const INBOX: &str = "inbox";

/// Creates a directory. It must not be there.
pub(crate) fn create_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// Creates a directory and those above it, where they are not there, and makes durable that they are.
pub(crate) fn create_dirs(path: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = path
        .ancestors()
        .take_while(|above| !above.as_os_str().is_empty() && !above.is_dir())
        .collect();
    for new in missing.into_iter().rev() {
        match create_dir(new) {
            Ok(()) => {}
            // Another process was faster. It may not have come to syncing yet, so that is done here too.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && new.is_dir() => {}
            Err(error) => return Err(error),
        }
        sync_dir(above(new))?;
    }
    Ok(())
}

/// The directory that holds `path`.
fn above(path: &Path) -> &Path {
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    above.unwrap_or(Path::new("."))
}

/// Creates a file and opens it for appending. It must not be there.
pub(crate) fn create_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Opens a file for appending, and creates it if it is not there.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}

/// Makes durable which files a directory holds.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Creates a directory of those in which all is kept. If the one above it is new, version control is told to leave it
/// alone.
pub(crate) fn create_kept(kept: &Path) -> io::Result<()> {
    if let Some(above) = kept.parent().filter(|above| !above.as_os_str().is_empty())
        && !above.try_exists()?
    {
        create_dirs(above)?;
        match create_file(&above.join(".gitignore")) {
            Ok(mut file) => {
                file.write_all(b"*\n")?;
                file.sync_data()?;
                sync_dir(above)?;
            }
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    create_dirs(kept)
}

/// Creates a file with this content, and the directories above it, all of it durable.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    create_dirs(above(path))?;
    let mut file = create_file(path)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    sync_dir(above(path))
}

/// Writes a file under a name that nobody looks for, durable, so that it can be put in its place whole.
pub(crate) fn draft(dir: &Path, bytes: &[u8]) -> io::Result<(File, PathBuf)> {
    create_dirs(dir)?;
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
    let path = dir.join(format!(".draft-{}", hex(&random)));
    let mut file = create_file(&path)?;
    if let Err(error) = file.write_all(bytes).and_then(|()| file.sync_all()) {
        // What is left of it is in nobody's way.
        fs::remove_file(&path).ok();
        return Err(error);
    }
    Ok((file, path))
}

/// Puts a draft where nothing is yet. It must not be there.
pub(crate) fn place(draft: &Path, path: &Path) -> io::Result<()> {
    let linked = fs::hard_link(draft, path);
    fs::remove_file(draft)?;
    linked?;
    sync_dir(above(path))
}

/// Puts a draft where something else is.
pub(crate) fn replace(draft: &Path, path: &Path) -> io::Result<()> {
    fs::rename(draft, path).inspect_err(|_| {
        fs::remove_file(draft).ok();
    })?;
    sync_dir(above(path))
}

/// Removes a file, for good.
pub(crate) fn remove_file(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    sync_dir(above(path))
}

/// Whether a text can name a directory or a file everywhere, without leading anywhere else.
pub(crate) fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !text.is_empty() && text.len() <= 200 && !text.starts_with('.') && text.bytes().all(plain)
}

/// Whether a path leads to something below where it starts.
pub(crate) fn is_below(path: &Path) -> bool {
    path.components().next().is_some() && path.components().all(|part| matches!(part, Component::Normal(_)))
}

/// A part of a file's name, made from any text.
pub(crate) fn slug(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    let slug: String = text
        .chars()
        .take(80)
        .map(|letter| if plain(letter) { letter } else { '_' })
        .collect();
    if slug.is_empty() { "_".to_owned() } else { slug }
}

/// The names of the directories in a directory, sorted. None if it is not there.
pub(crate) fn directories(path: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            names.extend(entry.file_name().into_string().ok());
        }
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        for good in ["a", "2026-05-04-pool-7f3a", "a.b_c"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", ".", "..", ".git", "a/b", "a b", "ä", "a\0"] {
            assert!(!is_name(bad), "{bad}");
        }
        for bad in ["", "/etc/passwd", "../x", "a/../../x", "./a/../b"] {
            assert!(!is_below(Path::new(bad)), "{bad}");
        }
        assert!(is_below(Path::new("output/a.1.stdout")));
    }

    #[test]
    fn directories_are_created_down_from_where_there_are_some() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a/b/c");
        create_dirs(&deep).unwrap();
        create_dirs(&deep).unwrap();
        for path in [&deep, &dir.path().join("a")] {
            let mode = fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
        write_file(&deep.join("d/e.yaml"), b"x").unwrap();
        assert_eq!(fs::read(deep.join("d/e.yaml")).unwrap(), b"x");
        let error = create_dirs(&deep.join("d/e.yaml")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(above(Path::new("runs")), Path::new("."));
    }

    #[test]
    fn any_text_gives_a_part_of_a_name() {
        assert_eq!(slug("drain-pool"), "drain-pool");
        assert_eq!(slug("../../etc/passwd"), "______etc_passwd");
        assert_eq!(slug("parent/child[eu west]"), "parent_child_eu_west_");
        assert_eq!(slug(""), "_");
        assert_eq!(slug(&"x".repeat(1000)).len(), 80);
    }
}
