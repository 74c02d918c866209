//! Secrets from files.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{MOST, Without, text};
use crate::term::{WARN, print_error, styled};

/// What `others` may do with a file: read it.
const OTHERS_READ: u32 = 0o004;

/// A file without its last line break. It is told as it is named.
pub(super) fn read(path: &Path, named: &str) -> Result<String, Without> {
    const WHERE: &str = "a path that is relative begins at the project's root";
    let cannot =
        |error: std::io::Error| Without::new(format!("the file `{named}` cannot be read: {error}"), WHERE);
    // Before it is opened, since a pipe would wait for somebody to write.
    let about = path.metadata().map_err(cannot)?;
    if !about.is_file() {
        return Err(Without::new(format!("`{named}` is no file"), WHERE));
    }
    let mut bytes = Vec::with_capacity(MOST + 1);
    let file = File::open(path).map_err(cannot)?;
    file.take(MOST as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    if bytes.len() > MOST {
        let why = format!("the file `{named}` has more than {} KiB", MOST / 1024);
        return Err(Without::new(why, "put the secret and nothing else into it"));
    }
    let Some(value) = text(bytes) else {
        let why = format!("the file `{named}` is not text");
        return Err(Without::new(
            why,
            "save it as UTF-8; what is not text can be kept as base64",
        ));
    };
    if value.is_empty() {
        let why = format!("the file `{named}` is empty");
        return Err(Without::new(why, "put the secret into it"));
    }
    if about.permissions().mode() & OTHERS_READ != 0 {
        let heading = styled(WARN, "warning:");
        print_error(&format!(
            "{heading} every user of this machine may read the secret in `{named}`"
        ));
        print_error(&format!("  help: take that from them: `chmod o= {named}`"));
    }
    Ok(value)
}
