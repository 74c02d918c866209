//! `cp`: a file or a directory, into a container or out of it.
//!
//! It travels as an archive, which `tar` in the container takes or gives, as `kubectl cp` does it. The archive is put
//! together in a temporary file, so that it may be of any size.

use std::io::{Seek as _, SeekFrom};
use std::path::{Component, Path, PathBuf};

use runbook_action::{ErrorKind, Failure, Output};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Asked, program};
use crate::execution::{self, Place};
use crate::trouble::one_line;
use crate::{answer, asked};

pub(crate) async fn copy(asked: Asked<'_>) -> Result<Output, Failure> {
    let (place, _) = program::place(asked).await?;
    let inside = asked::text(asked.chosen, "path")?.unwrap_or_default();
    let path = Path::new(&inside);
    let (Some(directory), Some(name), true) = (path.parent(), path.file_name(), path.is_absolute()) else {
        return Err(
            Failure::new(ErrorKind::Other, "is no absolute path of a file or a directory").about("path"),
        );
    };
    let (directory, name) = (
        directory.to_string_lossy().into_owned(),
        name.to_string_lossy().into_owned(),
    );
    let bytes = if let Some(from) = asked::text(asked.chosen, "from")? {
        upload(&place, directory, name, asked.around.root.join(from)).await?
    } else {
        let to = asked::text(asked.chosen, "to")?.unwrap_or_default();
        download(&place, directory, name, asked.around.root.join(to)).await?
    };
    let output = answer::with(answer::empty(), "names", vec![place.pod.name.clone()]);
    Ok(answer::with(
        answer::with(output, "bytes", bytes),
        "changed",
        true,
    ))
}

/// Does what blocks elsewhere.
async fn blocking<T: Send + 'static>(
    key: &'static str,
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)));
    done.map_err(|error| local(key, &error))
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the kinds of the system are open")]
fn local(key: &'static str, error: &std::io::Error) -> Failure {
    let kind = match error.kind() {
        std::io::ErrorKind::NotFound => ErrorKind::NotFound,
        std::io::ErrorKind::PermissionDenied => ErrorKind::Forbidden,
        _ => ErrorKind::Other,
    };
    Failure::new(kind, format!("cannot be copied: {error}")).about(key)
}

async fn upload(place: &Place, directory: String, name: String, from: PathBuf) -> Result<u64, Failure> {
    let (archive, bytes) = blocking("from", move || {
        let mut builder = tar::Builder::new(tempfile::tempfile()?);
        builder.follow_symlinks(true);
        let about = std::fs::metadata(&from)?;
        if about.is_dir() {
            builder.append_dir_all(&name, &from)?;
        } else {
            builder.append_path_with_name(&from, &name)?;
        }
        let mut archive = builder.into_inner()?;
        archive.seek(SeekFrom::Start(0))?;
        Ok((archive, about.len()))
    })
    .await?;
    let mut archive = tokio::fs::File::from_std(archive);
    let argv = ["tar", "-xmf", "-", "-C", &directory].map(str::to_owned);
    let mut attached = place.attach(&argv, true).await?;
    let (input, told) = (attached.stdin(), attached.take_status());
    let send = async {
        if let Some(mut input) = input {
            // A program that ends early says why itself.
            if tokio::io::copy(&mut archive, &mut input).await.is_ok() {
                drop(input.shutdown().await);
            }
        }
    };
    let mut said = Vec::new();
    let (mut stdout, mut stderr) = (attached.stdout(), attached.stderr());
    let hear = async {
        let mut nothing = Vec::new();
        if let (Some(stdout), Some(stderr)) = (&mut stdout, &mut stderr) {
            let (_out, _err) = tokio::join!(stdout.read_to_end(&mut nothing), stderr.read_to_end(&mut said));
        }
    };
    tokio::join!(send, hear);
    let status = match told {
        Some(told) => told.await,
        None => None,
    };
    finished(status, &said).map_err(Failure::maybe_applied)?;
    Ok(bytes)
}

async fn download(place: &Place, directory: String, name: String, to: PathBuf) -> Result<u64, Failure> {
    let argv = ["tar", "-cf", "-", "-C", &directory, &name].map(str::to_owned);
    let mut attached = place.attach(&argv, false).await?;
    let told = attached.take_status();
    let file = blocking("to", tempfile::tempfile).await?;
    let mut file = tokio::fs::File::from_std(file);
    let mut said = Vec::new();
    let (mut stdout, mut stderr) = (attached.stdout(), attached.stderr());
    if let (Some(stdout), Some(stderr)) = (&mut stdout, &mut stderr) {
        let (copied, _) = tokio::join!(tokio::io::copy(stdout, &mut file), stderr.read_to_end(&mut said));
        copied.map_err(|error| local("to", &error))?;
    }
    let status = match told {
        Some(told) => told.await,
        None => None,
    };
    finished(status, &said)?;
    file.flush().await.map_err(|error| local("to", &error))?;
    let mut file = file.into_std().await;
    let unpacked = blocking("to", move || {
        file.seek(SeekFrom::Start(0))?;
        unpack(file, &to)
    });
    unpacked.await.map_err(Failure::maybe_applied)
}

/// Whether `tar` has done it.
fn finished(
    status: Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Status>,
    said: &[u8],
) -> Result<(), Failure> {
    match execution::ended(status) {
        Ok(runbook_action::End::Code(0)) => Ok(()),
        Ok(end) => {
            let said = String::from_utf8_lossy(said);
            let first = said
                .lines()
                .find(|line| !line.trim().is_empty())
                .map(one_line)
                .unwrap_or_default();
            let missing = first.contains("No such file") || first.contains("can't change directory");
            let kind = if missing {
                ErrorKind::NotFound
            } else {
                ErrorKind::Other
            };
            Err(Failure::new(kind, format!("`tar` in the container {end}: {first}")).about("path"))
        }
        Err(failure) if failure.kind == ErrorKind::MissingProgram => {
            let failure = Failure::new(
                ErrorKind::MissingProgram,
                "the container has no `tar`, which copies files",
            );
            Err(failure
                .about("path")
                .help("print the file with `exec`, or copy it from another container"))
        }
        Err(failure) => Err(failure),
    }
}

/// Unpacks what came under the name that the author gives. Nothing is written beside it, whatever the archive says.
fn unpack(file: std::fs::File, to: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for entry in tar::Archive::new(file).entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let inner: PathBuf = path.components().skip(1).collect();
        if path.components().any(|part| matches!(part, Component::ParentDir)) {
            return Err(std::io::Error::other("the archive leads out of its directory"));
        }
        let kind = entry.header().entry_type();
        if inner.as_os_str().is_empty() {
            bytes += entry.size();
            entry.unpack(to)?;
        } else if kind.is_dir() || kind.is_file() {
            bytes += entry.size();
            entry.unpack(to.join(inner))?;
        }
    }
    Ok(bytes)
}
