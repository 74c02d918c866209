//! `runbook seal`

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use runbook_journal::SealingKey;

use crate::args::{SealArgs, SealWhat};
use crate::error::Error;
use crate::identity::Environment;
use crate::project::CONFIG;
use crate::term::{self, DIM, styled};

pub(crate) fn run(environment: &Environment, args: &SealArgs) -> Result<u8, Error> {
    let SealWhat::Keygen { file } = &args.what;
    keygen(&environment.directory.join(file), file)
}

/// Makes a key. Its private part goes into the file and nowhere else.
fn keygen(path: &Path, given: &Path) -> Result<u8, Error> {
    let (key, pem) = SealingKey::generate().map_err(|error| Error::usage(error.to_string()))?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(path).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            let message = format!("`{}` is there already, so no key was made", given.display());
            Error::usage_with(
                message,
                "what an old key has sealed is checked with its public key: keep both",
            )
        } else {
            Error::file("write", path, &error)
        }
    })?;
    file.write_all(pem.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| Error::file("write", path, &error))?;
    term::print(&key.public().to_string());
    let about = format!(
        "the private key {} is in `{}`; in `{CONFIG}`, `seal.key` says where it is read from, and `seal.public` lists the line above",
        key.public().id(),
        given.display()
    );
    term::print_error(&styled(DIM, &about));
    Ok(0)
}
