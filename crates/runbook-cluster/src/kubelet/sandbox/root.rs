//! Paths within the root of a container, whose links must not lead out of it.

use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Component, Path, PathBuf};

/// As many links as the kernel follows.
const LINKS: u32 = 40;

/// What a path means to somebody whose root that is, as this process sees it. What does not exist is taken as it
/// stands. `None` if its links go in a circle.
pub(super) fn resolve(root: &Path, path: &str) -> Option<PathBuf> {
    let mut open: VecDeque<PathBuf> = VecDeque::from([PathBuf::from(path)]);
    let mut done: Vec<PathBuf> = Vec::new();
    let mut links = 0;
    while let Some(next) = open.pop_front() {
        let mut components = next.components();
        let Some(component) = components.next() else {
            continue;
        };
        open.push_front(components.as_path().to_owned());
        match component {
            Component::RootDir => done.clear(),
            Component::Prefix(_) | Component::CurDir => {}
            Component::ParentDir => drop(done.pop()),
            Component::Normal(name) => {
                let here = root.join(done.iter().collect::<PathBuf>()).join(name);
                match fs::read_link(here) {
                    Ok(target) => {
                        links += 1;
                        if links > LINKS {
                            return None;
                        }
                        open.push_front(target);
                    }
                    Err(_) => done.push(name.into()),
                }
            }
        }
    }
    Some(root.join(done.iter().collect::<PathBuf>()))
}

/// Why a program cannot be run, in the words of the runtime; `None` if it can.
pub(super) fn refusal(root: &Path, program: &str, directory: &str, search: &str) -> Option<String> {
    let state = |path: &str| {
        let file = resolve(root, path).and_then(|path| fs::metadata(path).ok());
        file.map(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        let path = Path::new(directory).join(program);
        return match state(&path.display().to_string()) {
            Some(true) => None,
            Some(false) => Some(format!("exec: \"{program}\": permission denied")),
            None => Some(format!(
                "exec: \"{program}\": stat {program}: no such file or directory"
            )),
        };
    }
    let is_found = search
        .split(':')
        .any(|place| state(&format!("{place}/{program}")) == Some(true));
    (!is_found).then(|| format!("exec: \"{program}\": executable file not found in $PATH"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_stay_within_the_root() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("run")).unwrap();
        fs::create_dir_all(root.join("var")).unwrap();
        symlink("/run", root.join("var/run")).unwrap();
        symlink("../../../run", root.join("var/up")).unwrap();
        symlink("a", root.join("b")).unwrap();
        symlink("b", root.join("a")).unwrap();
        assert_eq!(resolve(root, "/var/run/secrets"), Some(root.join("run/secrets")));
        assert_eq!(resolve(root, "/var/up/x"), Some(root.join("run/x")));
        assert_eq!(resolve(root, "/../../etc"), Some(root.join("etc")));
        assert_eq!(resolve(root, "/a"), None);
    }

    #[test]
    fn a_program_that_is_missing_is_told_in_the_words_of_the_runtime() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("bin")).unwrap();
        fs::write(root.join("bin/yes"), "").unwrap();
        fs::set_permissions(root.join("bin/yes"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(root.join("bin/no"), "").unwrap();
        fs::set_permissions(root.join("bin/no"), fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(refusal(root, "yes", "/", "/sbin:/bin"), None);
        assert_eq!(refusal(root, "bin/yes", "/", "/sbin"), None);
        let said = |program| refusal(root, program, "/", "/bin").unwrap();
        assert_eq!(said("no"), "exec: \"no\": executable file not found in $PATH");
        assert_eq!(said("/bin/no"), "exec: \"/bin/no\": permission denied");
        assert_eq!(said("/x"), "exec: \"/x\": stat /x: no such file or directory");
    }
}
