//! `cp`: a file or a directory, into a container or out of it.
//!
//! It travels as an archive, which is put together in a temporary file, so that it may be of any size.

use std::io::{Seek as _, SeekFrom};
use std::path::{Component, Path, PathBuf};

use bollard::query_parameters::{DownloadFromContainerOptionsBuilder, UploadToContainerOptionsBuilder};
use futures_util::StreamExt as _;
use runbook_action::{ErrorKind, Failure, Output};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Asked, about};
use crate::{answer, asked, look};

/// How much is read at a time.
const PIECE: usize = 64 * 1024;

pub(crate) async fn copy(asked: Asked<'_>) -> Result<Output, Failure> {
    let (name, path) = (asked.chosen.value.text()?.reveal(), asked.chosen.value.path());
    let container = look::container(asked.engine, &name).await;
    let container = container.map_err(|failure| about(failure, path))?;
    let inside = asked::text(asked.chosen, "path")?.unwrap_or_default();
    if !inside.starts_with('/') {
        let failure = Failure::new(ErrorKind::Other, "is no absolute path");
        return Err(failure.about("path"));
    }
    let bytes = if let Some(from) = asked::text(asked.chosen, "from")? {
        upload(asked, &name, &inside, asked.around.root.join(from)).await?
    } else {
        let to = asked::text(asked.chosen, "to")?.unwrap_or_default();
        download(asked, &name, &inside, asked.around.root.join(to)).await?
    };
    let output = answer::with(answer::containers(vec![container]), "bytes", bytes);
    Ok(answer::with(output, "changed", true))
}

/// Does what blocks elsewhere.
#[expect(clippy::wildcard_enum_match_arm, reason = "the kinds of the system are open")]
async fn blocking<T: Send + 'static>(
    key: &'static str,
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    let failed = |message: String, kind| Failure::new(kind, message).about(key);
    match done {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => {
            let kind = match error.kind() {
                std::io::ErrorKind::NotFound => ErrorKind::NotFound,
                std::io::ErrorKind::PermissionDenied => ErrorKind::Forbidden,
                _ => ErrorKind::Other,
            };
            Err(failed(format!("cannot be copied: {error}"), kind))
        }
        Err(error) => Err(failed(format!("cannot be copied: {error}"), ErrorKind::Other)),
    }
}

async fn upload(asked: Asked<'_>, container: &str, inside: &str, from: PathBuf) -> Result<u64, Failure> {
    let to = Path::new(inside);
    let (Some(directory), Some(name)) = (to.parent(), to.file_name()) else {
        return Err(Failure::new(ErrorKind::Other, "names no file").about("path"));
    };
    let name = name.to_owned();
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
    let archive = tokio::fs::File::from_std(archive);
    let pieces = futures_util::stream::unfold(archive, |mut archive| async move {
        let mut piece = vec![0; PIECE];
        let read = archive.read(&mut piece).await.ok().filter(|read| *read > 0)?;
        piece.truncate(read);
        Some((piece.into(), archive))
    });
    let directory = directory.to_string_lossy().into_owned();
    let options = UploadToContainerOptionsBuilder::new().path(&directory).build();
    let sent = asked
        .engine
        .docker
        .upload_to_container(container, Some(options), bollard::body_stream(pieces))
        .await;
    sent.map_err(|error| about(asked.engine.failure(&error), "path").maybe_applied())?;
    Ok(bytes)
}

async fn download(asked: Asked<'_>, container: &str, inside: &str, to: PathBuf) -> Result<u64, Failure> {
    let options = DownloadFromContainerOptionsBuilder::new().path(inside).build();
    let mut pieces = asked
        .engine
        .docker
        .download_from_container(container, Some(options));
    let file = blocking("to", tempfile::tempfile).await?;
    let mut file = tokio::fs::File::from_std(file);
    let local = |error: std::io::Error| {
        Failure::new(ErrorKind::Other, format!("cannot be written: {error}")).about("to")
    };
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| about(asked.engine.failure(&error), "path"))?;
        file.write_all(&piece).await.map_err(local)?;
    }
    file.flush().await.map_err(local)?;
    let mut file = file.into_std().await;
    blocking("to", move || {
        file.seek(SeekFrom::Start(0))?;
        unpack(file, &to)
    })
    .await
    .map_err(Failure::maybe_applied)
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
