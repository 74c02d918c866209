//! The YAML language server that the suite starts: an npm package, pinned with all that it needs by the lock file of
//! `tests/language-server/`, and installed below the target directory.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

use crate::program;

/// Where the package is named and pinned.
const PINNED: &str = "tests/language-server";
/// What is copied from there.
const FILES: [&str; 2] = ["package.json", "package-lock.json"];
/// Where it is installed, below the target directory. The suite looks there.
const INSTALLED: &str = "tools/yaml-language-server";
/// Written last, so that it is there only if all is: the lock file that was installed.
const DONE: &str = "installed-lock.json";

/// Why it is needed.
pub(super) const REASON: &str = "the schemas are tested in it, as editors use them";

/// Where it is pinned, and where it is to be installed.
pub(super) struct LanguageServer {
    pinned: PathBuf,
    installed: PathBuf,
}

impl LanguageServer {
    /// The one of this repository.
    pub(super) fn of(root: &Path) -> Result<Self, String> {
        let mut metadata = program::cargo();
        metadata
            .current_dir(root)
            .args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
        let metadata: serde_json::Value = serde_json::from_str(&program::output(&mut metadata)?)
            .map_err(|error| format!("`cargo metadata` did not print JSON: {error}"))?;
        let target = metadata["target_directory"]
            .as_str()
            .ok_or("`cargo metadata` does not name the target directory")?;
        Ok(Self {
            pinned: root.join(PINNED),
            installed: Path::new(target).join(INSTALLED),
        })
    }

    /// Whether just what the lock file says is installed.
    pub(super) fn is_there(&self) -> bool {
        let wanted = fs::read(self.pinned.join(FILES[1]));
        let installed = fs::read(self.installed.join(DONE));
        matches!((wanted, installed), (Ok(wanted), Ok(installed)) if wanted == installed)
    }

    /// Installs it. No script of a package runs.
    pub(super) fn install(&self) -> Result<(), String> {
        self.copy()
            .map_err(|error| format!("`{}` could not be written: {error}", self.installed.display()))?;
        let mut npm = Command::new("npm");
        npm.current_dir(&self.installed).args([
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ]);
        program::run(&mut npm)?;
        fs::copy(self.installed.join(FILES[1]), self.installed.join(DONE))
            .map(drop)
            .map_err(|error| format!("`{}` could not be written: {error}", self.installed.display()))
    }

    fn copy(&self) -> io::Result<()> {
        fs::create_dir_all(&self.installed)?;
        match fs::remove_file(self.installed.join(DONE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        for file in FILES {
            fs::copy(self.pinned.join(file), self.installed.join(file))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_there_only_if_what_is_pinned_was_installed() {
        let folder = std::env::temp_dir().join(format!("runbook-xtask-{}", std::process::id()));
        let server = LanguageServer {
            pinned: folder.join("pinned"),
            installed: folder.join("installed"),
        };
        fs::create_dir_all(&server.pinned).unwrap();
        for file in FILES {
            fs::write(server.pinned.join(file), "one").unwrap();
        }
        assert!(!server.is_there());
        server.copy().unwrap();
        assert!(!server.is_there(), "what was copied is not installed yet");
        fs::write(server.installed.join(DONE), "one").unwrap();
        assert!(server.is_there());
        fs::write(server.pinned.join(FILES[1]), "two").unwrap();
        assert!(!server.is_there());
        server.copy().unwrap();
        fs::write(server.pinned.join(FILES[1]), "one").unwrap();
        assert!(!server.is_there(), "an installation that was begun is none");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_lock_file_names_no_place_to_fetch_from() {
        let root = crate::root();
        let lock = fs::read_to_string(root.join(PINNED).join(FILES[1])).unwrap();
        assert!(
            !lock.contains("\"resolved\""),
            "npm install --omit-lockfile-registry-resolved"
        );
        assert!(lock.contains("\"integrity\""));
    }
}
