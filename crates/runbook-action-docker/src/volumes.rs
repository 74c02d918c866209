//! How much volumes hold.

use std::collections::HashMap;

use bollard::query_parameters::ListVolumesOptions;
use runbook_action::Failure;

use crate::engine::Engine;
use crate::trouble::is_missing;

/// The youngest interface that is asked: younger ones tell the same in another form.
const YOUNGEST: (usize, usize) = (1, 44);

/// The bytes of volumes by their names, as the engine measures them.
#[derive(Debug, Default)]
pub(crate) struct Sizes {
    known: HashMap<String, i64>,
}

impl Sizes {
    /// What the engine says of all volumes that there are.
    pub(crate) async fn read(engine: &Engine) -> Result<Self, Failure> {
        let version = engine.docker.client_version();
        let version = YOUNGEST.min((version.major_version, version.minor_version));
        let path = format!("/v{}.{}/system/df", version.0, version.1);
        // The client reads this answer only in the form of the youngest engines. Its part about volumes is that of a list
        // of them, with their sizes besides, so it is read as one.
        let docker = engine.docker.clone().with_request_modifier(move |mut request| {
            if let Ok(uri) = moved(&request.uri().to_string(), &path).parse() {
                *request.uri_mut() = uri;
            }
            request
        });
        let found = match docker.list_volumes(None::<ListVolumesOptions>).await {
            Ok(found) => found.volumes.unwrap_or_default(),
            // Not every engine measures.
            Err(error) if is_missing(&error) => Vec::new(),
            Err(error) => return Err(engine.failure(&error)),
        };
        let known = found.into_iter().filter_map(|volume| {
            let size = volume.usage_data?.size;
            // A driver that cannot tell says less than nothing.
            (size >= 0).then_some((volume.name, size))
        });
        Ok(Self {
            known: known.collect(),
        })
    }

    /// Those of one volume, where they are known.
    pub(crate) fn of(&self, volume: &str) -> Option<i64> {
        self.known.get(volume).copied()
    }

    /// For people: “(5 bytes)”.
    pub(crate) fn shown(&self, volume: &str) -> String {
        self.of(volume).map_or_else(
            || "(nobody knows how much it holds)".to_owned(),
            |size| format!("({size} bytes)"),
        )
    }
}

/// The same place, with another path.
fn moved(uri: &str, path: &str) -> String {
    let after = uri.find("://").map_or(0, |at| at + 3);
    let (place, rest) = uri.split_at(after);
    let host = rest.split('/').next().unwrap_or_default();
    format!("{place}{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_path_of_the_same_place_is_asked() {
        for (uri, expected) in [
            ("http://web:2375/v1.41/volumes?x=y", "http://web:2375/df"),
            ("unix://2f72756e:0/v1.41/volumes", "unix://2f72756e:0/df"),
            ("/v1.41/volumes", "/df"),
        ] {
            assert_eq!(moved(uri, "/df"), expected);
        }
    }
}
