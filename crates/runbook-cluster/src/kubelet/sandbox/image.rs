//! Images: the files that a container starts with, and what it runs when it is not told.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{CWD, FileType, Mode, XattrFlags, mknodat, setxattr};

use super::machine::command;
use super::{Error, Machine};

/// What pods of the control plane hold their namespaces with: it does nothing until it is asked to end.
const PAUSE: &str = "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait $!; done";

/// The directories that are empty where the programs of this machine are an image.
const DIRECTORIES: [&str; 9] = ["home", "root", "tmp", "var", "run", "proc", "sys", "dev", "srv"];

/// The tags of busybox that there are. A tag that nobody published cannot be pulled here either.
const BUSYBOX: [&str; 7] = [
    "busybox:latest",
    "busybox:stable*",
    "busybox:musl",
    "busybox:glibc",
    "busybox:uclibc",
    "busybox:unstable*",
    "busybox:1.*",
];

/// One layer of the files of an image.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Layer {
    Busybox,
    /// Hides what of this machine's root is not its programs. It lies on the directory `/`.
    Curtain,
    Directory(PathBuf),
    Archive(PathBuf),
    File {
        path: String,
        content: Vec<u8>,
        mode: u32,
    },
}

/// What a container is made from.
#[derive(Debug, Clone, Default)]
pub struct Image {
    layers: Vec<Layer>,
    pub(crate) entrypoint: Vec<String>,
    pub(crate) command: Vec<String>,
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) directory: Option<String>,
}

impl Image {
    /// The static busybox of this machine with all its programs; it runs a shell.
    #[must_use]
    pub fn busybox() -> Self {
        Self {
            layers: vec![Layer::Busybox],
            command: vec!["sh".to_owned()],
            ..Self::default()
        }
    }

    /// The programs of this machine, with their libraries and their settings: `/usr`, `/etc`, and what is said to be
    /// in them (`/bin`, `/lib`). All else is empty, and what a container writes is its own. So `python3`, `curl` or
    /// `psql` run in a pod if they are installed here:
    ///
    /// ```
    /// # use runbook_cluster::kubelet::{Image, Images};
    /// let images = Images::new();
    /// let server = Image::host()
    ///     .with_file("/app/server.py", "print('ready')")
    ///     .with_command(["python3", "-u", "/app/server.py"]);
    /// images.register("mcp-server:1", server);
    /// ```
    ///
    /// [`Image::with_directory`] lays a whole tree over it. The images are a part of [`crate::kubelet::Settings`], and
    /// more can be published while the kubelet runs.
    #[must_use]
    pub fn host() -> Self {
        Self {
            layers: vec![Layer::Directory(PathBuf::from("/")), Layer::Curtain],
            command: vec!["bash".to_owned()],
            ..Self::default()
        }
    }

    /// No files at all: layers make it one.
    #[must_use]
    pub fn scratch() -> Self {
        Self::default()
    }

    /// With the files of a directory of this machine, which must stay as it is.
    #[must_use]
    pub fn with_directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.layers.push(Layer::Directory(path.into()));
        self
    }

    /// With the files of a tar archive.
    #[must_use]
    pub fn with_archive(mut self, path: impl Into<PathBuf>) -> Self {
        self.layers.push(Layer::Archive(path.into()));
        self
    }

    /// With a file; what begins with `#!` can be run.
    #[must_use]
    pub fn with_file(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        let content = content.into();
        let mode = if content.starts_with(b"#!") { 0o755 } else { 0o644 };
        self.layers.push(Layer::File {
            path: path.to_owned(),
            content,
            mode,
        });
        self
    }

    /// What it runs always. `command` of a container replaces it.
    #[must_use]
    pub fn with_entrypoint<const N: usize>(mut self, entrypoint: [&str; N]) -> Self {
        self.entrypoint = entrypoint.map(str::to_owned).to_vec();
        self
    }

    /// What it runs, or the arguments of its entry point. `args` of a container replaces it.
    #[must_use]
    pub fn with_command<const N: usize>(mut self, command: [&str; N]) -> Self {
        self.command = command.map(str::to_owned).to_vec();
        self
    }

    /// With an environment variable.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Where it runs.
    #[must_use]
    pub fn with_working_directory(mut self, path: &str) -> Self {
        self.directory = Some(path.to_owned());
        self
    }
}

/// The registry from which all nodes of a cluster pull.
#[derive(Debug, Clone, Default)]
pub struct Images {
    table: Arc<Mutex<Vec<(String, Image)>>>,
    made: Arc<Mutex<HashMap<Layer, PathBuf>>>,
}

impl Images {
    /// The one that knows `busybox` and `registry.k8s.io/pause`.
    #[must_use]
    pub fn new() -> Self {
        let images = Self::default();
        for name in BUSYBOX {
            images.register(name, Image::busybox());
        }
        let pause = Image::busybox().with_entrypoint(["/bin/sh", "-c", PAUSE]);
        images.register("registry.k8s.io/pause:*", pause);
        images
    }

    /// Publishes an image. A star in the name stands for any text, and what is published last is found first.
    pub fn register(&self, name: &str, image: Image) {
        lock(&self.table).insert(0, (complete(name), image));
    }

    /// Withdraws what was published under this name.
    pub fn withdraw(&self, name: &str) {
        let name = complete(name);
        lock(&self.table).retain(|(known, _)| *known != name);
    }

    /// The image of that name.
    pub(crate) fn find(&self, name: &str) -> Option<Image> {
        let name = complete(name);
        let table = lock(&self.table);
        table
            .iter()
            .find(|(pattern, _)| fits(pattern, &name))
            .map(|(_, image)| image.clone())
    }

    /// Where its files are in the machine, as a list of layers with the uppermost first. It blocks.
    pub(super) fn unpack(&self, machine: &Machine, image: &Image) -> Result<String, Error> {
        let mut made = lock(&self.made);
        let mut layers = Vec::new();
        for layer in &image.layers {
            let path = if let Some(path) = made.get(layer) {
                path.clone()
            } else {
                let path = unpack(machine, layer)?;
                made.insert(layer.clone(), path.clone());
                path
            };
            layers.insert(0, path.display().to_string());
        }
        if layers.is_empty() {
            layers.push(machine.directory("images")?.display().to_string());
        }
        Ok(layers.join(":"))
    }
}

fn unpack(machine: &Machine, layer: &Layer) -> Result<PathBuf, Error> {
    if let Layer::Directory(path) = layer {
        return Ok(path.clone());
    }
    let path = machine.directory("images")?;
    let root = machine.outside(&path);
    let done = match layer {
        Layer::Busybox => return busybox(machine, &root).map(|()| path),
        Layer::Curtain => curtain(&root),
        Layer::Directory(_) => Ok(()),
        Layer::Archive(archive) => fs::File::open(archive).and_then(|file| {
            let mut archive = tar::Archive::new(file);
            archive.set_preserve_permissions(true);
            archive.unpack(&root)
        }),
        Layer::File { path, content, mode } => {
            write(&root.join(path.trim_start_matches('/')), content, *mode)
        }
    };
    done.map(|()| path).map_err(|source| Error::file(&root, source))
}

/// Hides every entry of `/` that is not named here, and puts empty directories where programs want some.
fn curtain(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir("/")? {
        let name = entry?.file_name();
        let is_shown = name
            .to_str()
            .is_some_and(|name| matches!(name, "usr" | "etc" | "bin" | "sbin") || name.starts_with("lib"));
        if !is_shown && !DIRECTORIES.iter().any(|known| name == *known) {
            // So an upper layer says to the kernel that a name of a lower one is gone.
            mknodat(CWD, root.join(name), FileType::CharacterDevice, Mode::empty(), 0)?;
        }
    }
    for name in DIRECTORIES {
        let directory = root.join(name);
        fs::create_dir_all(&directory)?;
        setxattr(&directory, "trusted.overlay.opaque", b"y", XattrFlags::empty())?;
    }
    for name in ["tmp", "var/tmp", "var/log", "var/lib"] {
        fs::create_dir_all(root.join(name))?;
    }
    for name in ["tmp", "var/tmp"] {
        fs::set_permissions(root.join(name), fs::Permissions::from_mode(0o1777))?;
    }
    Ok(())
}

fn write(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, content)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

fn busybox(machine: &Machine, root: &Path) -> Result<(), Error> {
    let program = &machine.programs.busybox;
    let listed = command(program)
        .arg("--list")
        .output()
        .map_err(|source| Error::spawn("busybox", source))?;
    let made = || -> io::Result<()> {
        for directory in [
            "bin", "etc", "tmp", "root", "var", "home", "usr/bin", "proc", "sys", "dev",
        ] {
            fs::create_dir_all(root.join(directory))?;
        }
        fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777))?;
        fs::write(
            root.join("etc/passwd"),
            "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n",
        )?;
        fs::write(root.join("etc/group"), "root:x:0:\nnobody:x:65534:\n")?;
        fs::copy(program, root.join("bin/busybox"))?;
        for applet in String::from_utf8_lossy(&listed.stdout).lines() {
            if applet != "busybox" {
                symlink("busybox", root.join("bin").join(applet))?;
            }
        }
        symlink("/bin/env", root.join("usr/bin/env"))
    };
    made().map_err(|source| Error::file(root, source))
}

/// A name in full, as container runtimes read it.
pub(crate) fn complete(name: &str) -> String {
    let (repository, rest) = match name.split_once('@') {
        Some((repository, digest)) => (repository, format!("@{digest}")),
        None => match name.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, format!(":{tag}")),
            Some(_) | None => (name, ":latest".to_owned()),
        },
    };
    let first = repository.split('/').next().unwrap_or_default();
    let has_host = repository.contains('/') && (first.contains(['.', ':', '*']) || first == "localhost");
    let prefix = match (has_host, repository.contains('/')) {
        (true, _) => "",
        (false, true) => "docker.io/",
        (false, false) => "docker.io/library/",
    };
    format!("{prefix}{repository}{rest}")
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, tail)) => name.strip_prefix(head).is_some_and(|rest| {
            (0..=rest.len()).any(|at| rest.get(at..).is_some_and(|rest| fits(tail, rest)))
        }),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_runtimes_read_them() {
        for (name, full) in [
            ("busybox", "docker.io/library/busybox:latest"),
            ("bitnami/redis:7", "docker.io/bitnami/redis:7"),
            ("localhost/app:1", "localhost/app:1"),
            ("registry.example:5000/app", "registry.example:5000/app:latest"),
            ("app@sha256:00", "docker.io/library/app@sha256:00"),
        ] {
            assert_eq!(complete(name), full);
        }
    }

    #[test]
    fn what_nobody_published_is_not_found() {
        let images = Images::new();
        assert!(images.find("docker.io/library/busybox:1.36").is_some());
        assert!(images.find("busybox").is_some());
        assert!(images.find("busybox:does-not-exist").is_none());
        assert!(images.find("lab:1").is_none());
        images.register("lab:*", Image::busybox());
        assert!(images.find("lab:1").is_some());
        images.withdraw("lab:*");
        assert!(images.find("lab:1").is_none());
    }
}
