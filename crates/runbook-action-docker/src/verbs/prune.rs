//! `prune`: what nothing uses, removed or only looked at.

use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListImagesOptionsBuilder, ListVolumesOptionsBuilder,
    PruneBuildOptionsBuilder, PruneContainersOptionsBuilder, PruneImagesOptionsBuilder,
    PruneNetworksOptionsBuilder, PruneVolumesOptionsBuilder,
};
use runbook_action::{Failure, Mark, Output, Preview, PreviewLine};

use super::Asked;
use super::read::Filters;
use crate::volumes::Sizes;
use crate::{answer, asked};

/// What is pruned, and what of it.
struct Wanted {
    kinds: Vec<String>,
    all: bool,
    filters: Filters,
}

impl Wanted {
    fn read(asked: Asked<'_>) -> Result<Self, Failure> {
        let mut filters = Filters::new();
        if let Some(age) = asked::duration(asked.chosen, "older_than")? {
            filters.insert("until".to_owned(), vec![format!("{}s", age.as_secs())]);
        }
        let labels = asked::map(asked.chosen, "labels")?;
        if !labels.is_empty() {
            let labels = labels.iter().map(|(name, value)| format!("{name}={value}"));
            filters.insert("label".to_owned(), labels.collect());
        }
        let kinds = asked::names(&asked.chosen.value)?;
        Ok(Self {
            kinds: kinds.into_iter().map(|(kind, _)| kind).collect(),
            all: asked.chosen.is_on("all"),
            filters,
        })
    }

    fn images(&self) -> Filters {
        let mut filters = self.filters.clone();
        filters.insert("dangling".to_owned(), vec![(!self.all).to_string()]);
        filters
    }

    fn volumes(&self) -> Filters {
        let mut filters = self.filters.clone();
        // How old a volume is, no engine asks.
        filters.remove("until");
        filters
    }
}

pub(crate) async fn prune(asked: Asked<'_>) -> Result<Output, Failure> {
    let wanted = Wanted::read(asked)?;
    let (mut removed, mut bytes) = (Vec::new(), 0_i64);
    for kind in &wanted.kinds {
        let pruned = one(asked, &wanted, kind).await;
        let (names, freed) =
            pruned.map_err(|failure| super::about(failure, asked.chosen.value.path()).maybe_applied())?;
        removed.extend(names);
        bytes = bytes.saturating_add(freed);
    }
    let changed = !removed.is_empty();
    let output = answer::with(answer::with(answer::empty(), "removed", removed), "bytes", bytes);
    Ok(answer::with(output, "changed", changed))
}

async fn one(asked: Asked<'_>, wanted: &Wanted, kind: &str) -> Result<(Vec<String>, i64), Failure> {
    let docker = &asked.engine.docker;
    let failed = |error: bollard::errors::Error| asked.engine.failure(&error);
    let (names, bytes) = match kind {
        "containers" => {
            let options = PruneContainersOptionsBuilder::new()
                .filters(&wanted.filters)
                .build();
            let pruned = docker.prune_containers(Some(options)).await.map_err(failed)?;
            (pruned.containers_deleted, pruned.space_reclaimed)
        }
        "images" => {
            let options = PruneImagesOptionsBuilder::new().filters(&wanted.images()).build();
            let pruned = docker.prune_images(Some(options)).await.map_err(failed)?;
            let names = pruned.images_deleted.unwrap_or_default();
            let names = names
                .into_iter()
                .filter_map(|image| image.deleted.or(image.untagged));
            (Some(names.collect()), pruned.space_reclaimed)
        }
        "volumes" => {
            let mut filters = wanted.volumes();
            if wanted.all {
                // Engines of this interface take all volumes; younger ones want to be told.
                filters.insert("all".to_owned(), vec!["true".to_owned()]);
            }
            let options = PruneVolumesOptionsBuilder::new().filters(&filters).build();
            let pruned = docker.prune_volumes(Some(options)).await.map_err(failed)?;
            (pruned.volumes_deleted, pruned.space_reclaimed)
        }
        "networks" => {
            let options = PruneNetworksOptionsBuilder::new()
                .filters(&wanted.filters)
                .build();
            let pruned = docker.prune_networks(Some(options)).await.map_err(failed)?;
            (pruned.networks_deleted, None)
        }
        _ => {
            let options = PruneBuildOptionsBuilder::new()
                .all(wanted.all)
                .filters(&wanted.filters)
                .build();
            let pruned = docker.prune_build(Some(options)).await.map_err(failed)?;
            (pruned.caches_deleted, pruned.space_reclaimed)
        }
    };
    Ok((names.unwrap_or_default(), bytes.unwrap_or(0)))
}

/// What would go. Who asks is told what the engine lists as unused, with its size where the list has one.
pub(crate) async fn preview(asked: Asked<'_>) -> Result<Option<Preview>, Failure> {
    let wanted = Wanted::read(asked)?;
    if wanted.filters.contains_key("until") || wanted.kinds.iter().any(|kind| kind == "build_cache") {
        return Ok(None);
    }
    let (mut lines, mut bytes, mut counts) = (Vec::new(), 0_i64, Vec::new());
    for kind in &wanted.kinds {
        let found = unused(asked, &wanted, kind).await?;
        let word = if found.len() == 1 {
            kind.trim_end_matches('s')
        } else {
            kind
        };
        counts.push(format!("{} {word}", found.len()));
        for (name, size) in found {
            bytes = bytes.saturating_add(size);
            let text = if size > 0 {
                format!("{name} ({size} bytes)")
            } else {
                name
            };
            lines.push(PreviewLine::new(Mark::Removed, text));
        }
    }
    let summary = if lines.is_empty() {
        "nothing would go".to_owned()
    } else {
        format!("{} would go, at least {bytes} bytes", counts.join(", "))
    };
    Ok(Some(Preview {
        lines,
        ..Preview::new(summary)
    }))
}

async fn unused(asked: Asked<'_>, wanted: &Wanted, kind: &str) -> Result<Vec<(String, i64)>, Failure> {
    let docker = &asked.engine.docker;
    let failed = |error: bollard::errors::Error| asked.engine.failure(&error);
    match kind {
        "containers" => {
            let mut filters = wanted.filters.clone();
            let ended = ["created", "exited", "dead"].map(str::to_owned).to_vec();
            filters.insert("status".to_owned(), ended);
            let options = ListContainersOptionsBuilder::new()
                .all(true)
                .size(true)
                .filters(&filters)
                .build();
            let found = crate::look::patiently(|| docker.list_containers(Some(options.clone())))
                .await
                .map_err(failed)?;
            let entry = |container: bollard::models::ContainerSummary| {
                let name = container.names.and_then(|names| names.into_iter().next());
                let name = name.or(container.id).unwrap_or_default();
                let name = format!("container {}", name.trim_start_matches('/'));
                (name, container.size_rw.unwrap_or(0))
            };
            Ok(found.into_iter().map(entry).collect())
        }
        "images" => images(asked, wanted).await,
        "volumes" => {
            let mut filters = wanted.volumes();
            filters.insert("dangling".to_owned(), vec!["true".to_owned()]);
            let options = ListVolumesOptionsBuilder::new().filters(&filters).build();
            let found = docker.list_volumes(Some(options)).await.map_err(failed)?;
            let volumes = found.volumes.unwrap_or_default();
            let sizes = Sizes::read(asked.engine).await?;
            let entry = |volume: bollard::models::Volume| {
                let size = sizes.of(&volume.name).unwrap_or(0);
                (format!("volume {}", volume.name), size)
            };
            Ok(volumes.into_iter().map(entry).collect())
        }
        _ => {
            let mut filters = wanted.filters.clone();
            filters.insert("dangling".to_owned(), vec!["true".to_owned()]);
            let options = bollard::query_parameters::ListNetworksOptionsBuilder::new()
                .filters(&filters)
                .build();
            let found = docker.list_networks(Some(options)).await.map_err(failed)?;
            let entry = |network: bollard::models::Network| {
                (format!("network {}", network.name.unwrap_or_default()), 0)
            };
            Ok(found.into_iter().map(entry).collect())
        }
    }
}

/// Images that no container has: without a name, or with one too.
async fn images(asked: Asked<'_>, wanted: &Wanted) -> Result<Vec<(String, i64)>, Failure> {
    let docker = &asked.engine.docker;
    let failed = |error: bollard::errors::Error| asked.engine.failure(&error);
    let mut filters = wanted.filters.clone();
    if !wanted.all {
        filters.insert("dangling".to_owned(), vec!["true".to_owned()]);
    }
    let options = ListImagesOptionsBuilder::new().filters(&filters).build();
    let found = docker.list_images(Some(options)).await.map_err(failed)?;
    let options = ListContainersOptionsBuilder::new().all(true).build();
    let containers = crate::look::patiently(|| docker.list_containers(Some(options.clone())))
        .await
        .map_err(failed)?;
    let used: Vec<String> = containers
        .into_iter()
        .filter_map(|container| container.image_id)
        .collect();
    let entry = |image: bollard::models::ImageSummary| {
        let name = image
            .repo_tags
            .first()
            .cloned()
            .unwrap_or_else(|| image.id.clone());
        (format!("image {name}"), image.size)
    };
    let unused = found.into_iter().filter(|image| !used.contains(&image.id));
    Ok(unused.map(entry).collect())
}
