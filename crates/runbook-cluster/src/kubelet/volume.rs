//! The volumes of a pod, as directories of the machine.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::Value;

use super::Inner;
use super::environment::{Kind, contents, field};
use super::sandbox::Mount;
use super::spec::Named as _;
use crate::object::Fields as _;
use crate::shared::lock;

/// A file of a volume: path, content, mode.
type Written = (String, Vec<u8>, u32);

/// The volumes of one pod.
#[derive(Debug, Default)]
pub(super) struct Volumes {
    directories: HashMap<String, PathBuf>,
    /// What was last written into those that show objects of the cluster.
    written: Mutex<HashMap<String, Vec<Written>>>,
}

impl Volumes {
    /// Makes them. What is missing is told as the kubelet tells it.
    pub(super) fn make(node: &Inner, pod: &Value, address: &str) -> Result<Self, String> {
        let mut volumes = Self::default();
        for volume in pod.items("/spec/volumes") {
            let name = volume.name_of();
            let failed = |why: String| format!("MountVolume.SetUp failed for volume {name:?} : {why}");
            let kept = if let Some(claim) = volume
                .map("/persistentVolumeClaim")
                .and_then(|map| map.get("claimName"))
            {
                Some(format!(
                    "claim/{}/{}",
                    pod.namespace(),
                    claim.as_str().unwrap_or_default()
                ))
            } else {
                let path = volume.text("/hostPath/path");
                (!path.is_empty()).then(|| format!("host/{}/{path}", pod.text("/spec/nodeName")))
            };
            let directory = match kept {
                Some(key) => node.kept(&key),
                None => node.machine.directory("volumes"),
            };
            let directory = directory.map_err(|error| failed(error.to_string()))?;
            let files = files(node, pod, volume, address).map_err(failed)?;
            if let Some(files) = files {
                let seen = node.machine.outside(&directory);
                show(&seen, &files).map_err(|error| failed(error.to_string()))?;
                lock(&volumes.written).insert(name.to_owned(), files);
            } else {
                let seen = node.machine.outside(&directory);
                let _ours = fs::set_permissions(seen, fs::Permissions::from_mode(0o777));
            }
            volumes.directories.insert(name.to_owned(), directory);
        }
        Ok(volumes)
    }

    /// Writes anew what has changed in the cluster.
    pub(super) fn refresh(&self, node: &Inner, pod: &Value, address: &str) {
        for volume in pod.items("/spec/volumes") {
            let name = volume.name_of();
            let Some(directory) = self.directories.get(name) else {
                continue;
            };
            let Ok(Some(files)) = files(node, pod, volume, address) else {
                continue;
            };
            let mut written = lock(&self.written);
            if written.get(name) != Some(&files) && show(&node.machine.outside(directory), &files).is_ok() {
                written.insert(name.to_owned(), files);
            }
        }
    }

    /// Where a container sees them.
    pub(super) fn mounts(&self, node: &Inner, container: &Value) -> Result<Vec<Mount>, String> {
        let mut mounts = Vec::new();
        for mount in container.items("/volumeMounts") {
            let name = mount.name_of();
            let Some(directory) = self.directories.get(name) else {
                return Err(format!("failed to find volume {name:?}"));
            };
            let part = mount.text("/subPath");
            let source = directory.join(part.trim_start_matches('/'));
            let seen = node.machine.outside(&source);
            if !part.is_empty() && !seen.exists() {
                fs::create_dir_all(&seen)
                    .map_err(|error| format!("failed to create subPath directory: {error}"))?;
            }
            let is_shown = lock(&self.written).contains_key(name);
            mounts.push(Mount {
                source,
                target: mount.text("/mountPath").to_owned(),
                is_read_only: mount.is_true("/readOnly") || is_shown,
            });
        }
        Ok(mounts)
    }
}

/// Writes files so that readers see all of the old or all of the new: they are links through one that is replaced.
fn show(directory: &Path, files: &[Written]) -> io::Result<()> {
    let data = directory.join("..data");
    let old = fs::read_link(&data).ok();
    let name = format!("..{}", super::unique());
    let fresh = directory.join(&name);
    fs::create_dir(&fresh)?;
    for (path, content, mode) in files {
        let file = fresh.join(path);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&file, content)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(*mode))?;
        let top = path.split('/').next().unwrap_or(path);
        let link = directory.join(top);
        if fs::symlink_metadata(&link).is_err() {
            symlink(Path::new("..data").join(top), link)?;
        }
    }
    let next = directory.join("..data_tmp");
    symlink(&name, &next)?;
    fs::rename(next, data)?;
    if let Some(old) = old {
        fs::remove_dir_all(directory.join(old))?;
    }
    Ok(())
}

fn files(node: &Inner, pod: &Value, volume: &Value, address: &str) -> Result<Option<Vec<Written>>, String> {
    let mode = |of: &Value| {
        of.number("/defaultMode")
            .and_then(|mode| u32::try_from(mode).ok())
            .unwrap_or(0o644)
    };
    for (kind, pointer, key) in [
        (Kind::ConfigMap, "/configMap", "/name"),
        (Kind::Secret, "/secret", "/secretName"),
    ] {
        let source = volume.at(pointer);
        if !source.is_null() {
            return of_object(node, pod, kind, (source, source.text(key), mode(source))).map(Some);
        }
    }
    let downward = volume.at("/downwardAPI");
    if !downward.is_null() {
        return Ok(Some(of_fields(pod, downward, address, mode(downward))));
    }
    let projected = volume.at("/projected");
    if projected.is_null() {
        return Ok(None);
    }
    let mut all = Vec::new();
    for source in projected.items("/sources") {
        for (kind, pointer) in [(Kind::ConfigMap, "/configMap"), (Kind::Secret, "/secret")] {
            let source = source.at(pointer);
            if !source.is_null() {
                all.extend(of_object(
                    node,
                    pod,
                    kind,
                    (source, source.name_of(), mode(projected)),
                )?);
            }
        }
        all.extend(of_fields(
            pod,
            source.at("/downwardAPI"),
            address,
            mode(projected),
        ));
    }
    Ok(Some(all))
}

fn of_fields(pod: &Value, source: &Value, address: &str, mode: u32) -> Vec<Written> {
    let items = source.items("/items").iter();
    let value = |item: &Value| field(pod, item.text("/fieldRef/fieldPath"), address).into_bytes();
    items
        .map(|item| (item.text("/path").to_owned(), value(item), mode))
        .collect()
}

fn of_object(
    node: &Inner,
    pod: &Value,
    kind: Kind,
    source: (&Value, &str, u32),
) -> Result<Vec<Written>, String> {
    let (source, name, mode) = source;
    let Some(object) = node.link.get(kind.id(), pod.namespace(), name) else {
        return if source.is_true("/optional") {
            Ok(Vec::new())
        } else {
            Err(format!("{} \"{name}\" not found", kind.word()))
        };
    };
    let contents = contents(&object);
    let items = source.items("/items");
    if items.is_empty() {
        return Ok(contents
            .into_iter()
            .map(|(key, content)| (key, content, mode))
            .collect());
    }
    let mut chosen = Vec::new();
    for item in items {
        let key = item.text("/key");
        match contents.iter().find(|(known, _)| known == key) {
            Some((_, content)) => {
                let mode = item
                    .number("/mode")
                    .and_then(|mode| u32::try_from(mode).ok())
                    .unwrap_or(mode);
                chosen.push((item.text("/path").to_owned(), content.clone(), mode));
            }
            None if source.is_true("/optional") => {}
            None => {
                let word = kind.word();
                return Err(format!("{word} references non-existent {word} key: {key}"));
            }
        }
    }
    Ok(chosen)
}
