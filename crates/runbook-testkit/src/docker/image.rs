//! The image: a static busybox under all its names, and a few scripts.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use super::{Engine, Error, find, io_error, new, run};

/// Serves `/www` on port 8000, and ends at once when it is asked to: a first process has no default for signals.
const SERVE: &str = "#!/bin/sh\nexec httpd -f -p 8000 -h /www\n";

/// Is healthy while `/tmp/sick` does not exist, after `/tmp/well` exists.
const HEALTH: &str = "#!/bin/sh\n[ -e /tmp/well ] && [ ! -e /tmp/sick ]\n";

/// Lives until it is asked to end.
const IDLE: &str = "#!/bin/sh\ntrap 'exit 0' TERM INT\nwhile :; do sleep 3600 & wait $!; done\n";

const PASSWD: &str = "root:x:0:0:root:/:/bin/sh\napp:x:1000:1000:app:/tmp:/bin/sh\n";

/// Makes it under this name. `page` is what it serves.
pub(super) fn make(engine: &Engine, name: &str, page: &str) -> Result<(), Error> {
    let archive = archive(engine.directory(), page)?.display().to_string();
    engine.try_docker(&["import", "--change", "CMD [\"idle\"]", &archive, name])?;
    Ok(())
}

/// Packs what is in it.
pub(super) fn archive(directory: &Path, page: &str) -> Result<PathBuf, Error> {
    let root = directory.join("image");
    let archive = directory.join("image.tar");
    lay_out(&root, page).map_err(|source| io_error("image", source))?;
    let busybox = find("busybox")?;
    fs::copy(&busybox, root.join("bin/busybox")).map_err(|source| io_error("busybox", source))?;
    let listed = run(new(&busybox).arg("--list"))?;
    for applet in listed.lines().filter(|applet| *applet != "busybox") {
        let link = root.join("bin").join(applet);
        if !link.exists() {
            symlink("busybox", link).map_err(|source| io_error(applet, source))?;
        }
    }
    run(new("tar").arg("-C").arg(&root).arg("-cf").arg(&archive).arg("."))?;
    fs::remove_dir_all(&root).map_err(|source| io_error("image", source))?;
    Ok(archive)
}

fn lay_out(root: &Path, page: &str) -> std::io::Result<()> {
    for directory in ["bin", "etc", "tmp", "www", "proc", "sys", "dev"] {
        fs::create_dir_all(root.join(directory))?;
    }
    fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777))?;
    fs::write(root.join("etc/passwd"), PASSWD)?;
    fs::write(root.join("etc/group"), "root:x:0:\napp:x:1000:\n")?;
    fs::write(root.join("www/index.html"), page)?;
    for (name, script) in [("serve", SERVE), ("health", HEALTH), ("idle", IDLE)] {
        let path = root.join("bin").join(name);
        fs::write(&path, script)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}
