//! A project of compose, as its connection tells it, and its containers, which are found by their labels.

use std::path::{Path, PathBuf};

use bollard::query_parameters::ListContainersOptionsBuilder;
use runbook_action::{Connection, ErrorKind, Failure, Param};

use crate::asked;
use crate::engine::Engine;
use crate::settings::Environment;
use crate::verbs::read::Filters;

/// The labels by which compose knows its containers.
const PROJECT: &str = "com.docker.compose.project";
const DIRECTORY: &str = "com.docker.compose.project.working_dir";
const SERVICE: &str = crate::look::SERVICE;
const NUMBER: &str = "com.docker.compose.container-number";
const ONE_OFF: &str = "com.docker.compose.oneoff";

/// A project of compose.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Project {
    pub(crate) name: Option<String>,
    pub(crate) directory: PathBuf,
    pub(crate) files: Vec<String>,
    pub(crate) env_file: Option<String>,
    pub(crate) profiles: Vec<String>,
}

/// A container of a service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Member {
    pub(crate) service: String,
    pub(crate) number: u32,
    pub(crate) id: String,
}

impl Project {
    /// What the connection says.
    pub(crate) fn read(connection: &Connection, around: &Environment) -> Result<Self, Failure> {
        let args = connection.args();
        let compose = args.require("compose")?;
        if !matches!(compose.param(), Param::Map(_)) {
            return Ok(Self {
                directory: plain(&around.root.join(compose.text()?.reveal())),
                ..Self::default()
            });
        }
        let text = |key: &str| compose.get(key).map(|args| Ok(args.text()?.reveal())).transpose();
        let list = |key: &str| -> Result<Vec<String>, Failure> {
            let named = compose
                .get(key)
                .map_or(Ok(Vec::new()), |list| asked::names(&list))?;
            Ok(named.into_iter().map(|(name, _)| name).collect())
        };
        let directory: Option<String> = text("directory")?;
        Ok(Self {
            name: text("project")?,
            directory: plain(&directory.map_or_else(|| around.root.clone(), |path| around.root.join(path))),
            files: list("files")?,
            env_file: text("env_file")?,
            profiles: list("profiles")?,
        })
    }

    /// The labels that all its containers have, and no other's.
    fn labels(&self) -> String {
        match &self.name {
            Some(name) => format!("{PROJECT}={name}"),
            None => format!("{DIRECTORY}={}", self.directory.display()),
        }
    }

    /// Its containers by service and number, without those that `compose run` has made.
    pub(crate) async fn members(&self, engine: &Engine) -> Result<Vec<Member>, Failure> {
        let mut filters = Filters::new();
        let labels = vec![self.labels(), format!("{ONE_OFF}=False")];
        filters.insert("label".to_owned(), labels);
        let options = ListContainersOptionsBuilder::new()
            .all(true)
            .filters(&filters)
            .build();
        let found = crate::look::patiently(|| engine.docker.list_containers(Some(options.clone()))).await;
        let found = found.map_err(|error| engine.failure(&error))?;
        let mut members: Vec<Member> = found
            .into_iter()
            .filter_map(|container| {
                let labels = container.labels?;
                Some(Member {
                    service: labels.get(SERVICE)?.clone(),
                    number: labels
                        .get(NUMBER)
                        .and_then(|number| number.parse().ok())
                        .unwrap_or(1),
                    id: container.id?,
                })
            })
            .collect();
        members.sort();
        Ok(members)
    }

    /// One container of a service: of this number in order, or the first.
    pub(crate) async fn member(&self, engine: &Engine, service: &str, index: u32) -> Result<Member, Failure> {
        let members = self.members(engine).await?;
        let mut of_service = members.into_iter().filter(|member| member.service == service);
        let at = usize::try_from(index.max(1) - 1).unwrap_or(usize::MAX);
        of_service.nth(at).ok_or_else(|| {
            let which = if index > 1 {
                format!("no container {index}")
            } else {
                "no container".to_owned()
            };
            let message = format!("service `{service}` of {} has {which}", self.shown());
            Failure::new(ErrorKind::NotFound, message).help("start the service before, or write another name")
        })
    }

    /// How people know it.
    pub(crate) fn shown(&self) -> String {
        match &self.name {
            Some(name) => format!("project `{name}`"),
            None => format!("the project in `{}`", self.directory.display()),
        }
    }
}

/// A path as compose writes it into its labels: without what leads nowhere else.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                plain.pop();
            }
            std::path::Component::Prefix(_)
            | std::path::Component::RootDir
            | std::path::Component::Normal(_) => plain.push(part),
        }
    }
    plain
}
