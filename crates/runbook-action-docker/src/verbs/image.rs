//! `pull`: an image of a registry.

use bollard::query_parameters::CreateImageOptionsBuilder;
use futures_util::StreamExt as _;
use runbook_action::{ErrorKind, Failure, Output, Stream};

use super::{Asked, about};
use crate::answer;
use crate::credentials::Credentials;
use crate::engine::Engine;
use crate::trouble::is_missing;

/// The identity of an image, if it is there.
pub(crate) async fn identity(engine: &Engine, name: &str) -> Result<Option<String>, Failure> {
    match engine.docker.inspect_image(name).await {
        Ok(image) => Ok(image.id),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(engine.failure(&error)),
    }
}

/// Pulls an image. What the engine says meanwhile is passed on.
pub(crate) async fn fetch(asked: Asked<'_>, name: &str) -> Result<(), Failure> {
    let whole = with_tag(name);
    let options = CreateImageOptionsBuilder::new().from_image(&whole).build();
    let (known, trouble) = match Credentials::of_image(name, asked.around).await {
        Ok(known) => (known, None),
        // Not every registry wants to know who one is.
        Err(trouble) => {
            let line = format!("asking without credentials: {}\n", trouble.message);
            asked.call.host.write(Stream::Stderr, line.as_bytes()).await?;
            (None, Some(trouble))
        }
    };
    let docker = match &known {
        Some(known) => known.given_to(&asked.engine.docker),
        None => asked.engine.docker.clone(),
    };
    let mask = |said: &str| {
        known
            .as_ref()
            .map_or_else(|| said.to_owned(), |known| known.mask(said))
    };
    let failed = |error: &bollard::errors::Error| {
        let failure = asked.engine.failure(error);
        let message = mask(&failure.message);
        let failure = Failure { message, ..failure };
        explained(failure, &whole, known.is_some(), trouble.as_ref())
    };
    let mut said = docker.create_image(Some(options), None, None);
    while let Some(line) = said.next().await {
        let line = line.map_err(|error| failed(&error))?;
        if let Some(error) = line.error_detail.and_then(|detail| detail.message) {
            return Err(failed(&bollard::errors::Error::DockerStreamError { error }));
        }
        // Progress is told many times a second, and is nothing that anybody reads afterwards.
        if let (Some(status), None) = (&line.status, &line.progress_detail) {
            asked
                .call
                .host
                .write(Stream::Stderr, format!("{}\n", mask(status)).as_bytes())
                .await?;
        }
    }
    Ok(())
}

/// What a registry says, with the way out.
fn explained(failure: Failure, image: &str, is_known: bool, trouble: Option<&Failure>) -> Failure {
    if failure.kind != ErrorKind::Auth {
        return failure;
    }
    let help = match trouble {
        Some(trouble) => format!("there are no credentials: {}", trouble.message),
        None if is_known => {
            "the registry does not take what `docker login` has kept: log in again".to_owned()
        }
        None => "nothing is kept for this registry: `docker login` it".to_owned(),
    };
    let message = format!("`{image}` may not be pulled: {}", failure.message);
    Failure { message, ..failure }.help(help)
}

/// An engine that is not told a tag pulls all of them.
fn with_tag(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    if last.contains(':') || last.contains('@') {
        name.to_owned()
    } else {
        format!("{name}:latest")
    }
}

pub(crate) async fn pull(asked: Asked<'_>) -> Result<Output, Failure> {
    let (name, path) = (asked.chosen.value.text()?.reveal(), asked.chosen.value.path());
    let before = identity(asked.engine, &name).await?;
    fetch(asked, &name)
        .await
        .map_err(|failure| about(failure, path))?;
    let after = identity(asked.engine, &name).await?;
    let changed = before != after;
    Ok(answer::with(
        answer::with(answer::empty(), "image", after),
        "changed",
        changed,
    ))
}

/// Gives a name back to the image that had it.
pub(crate) async fn put_back(engine: &Engine, name: &str, before: Option<&str>) -> Result<(), Failure> {
    use bollard::query_parameters::{RemoveImageOptions, TagImageOptionsBuilder};
    let Some(before) = before else {
        let gone = engine
            .docker
            .remove_image(name, None::<RemoveImageOptions>, None)
            .await;
        return match gone {
            Ok(_) => Ok(()),
            Err(error) if is_missing(&error) => Ok(()),
            Err(error) => Err(engine.failure(&error)),
        };
    };
    let whole = with_tag(name);
    let (repository, tag) = whole.rsplit_once(':').unwrap_or((&whole, "latest"));
    let options = TagImageOptionsBuilder::new().repo(repository).tag(tag).build();
    let tagged = engine.docker.tag_image(before, Some(options)).await;
    tagged.map_err(|error| engine.failure(&error))
}
