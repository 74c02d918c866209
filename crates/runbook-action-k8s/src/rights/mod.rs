//! What uses of clusters ask of them, in the words of roles: which role a runbook needs.
//!
//! It is worked out from what is written and asks nobody. A name that is known stands in the role, where roles can name one;
//! a name that only the run knows is any name. What only a cluster can tell is assumed, and said in a note.

mod place;
mod rules;
mod table;
mod things;

use std::collections::BTreeSet;

use runbook_action::{Args, Chosen, Failure, Param, Text, Verb};

pub use self::place::{Pods, forwarded, of_place};
pub use self::rules::{Role, Rule};

use self::table::{On, ROWS, Row, SERVICES, When};
use self::things::Thing;
use crate::verb::{self, About, VERBS};

/// Where something may be done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// In the namespace of the kubeconfig's context, or of the pod in which the run is.
    Own,
    /// In this namespace.
    Namespace(String),
    /// In a namespace that only the run knows: the expression.
    Unknown(String),
    /// In all of them, or about what is in none.
    Everywhere,
}

impl Scope {
    /// The namespace of a parameter, as far as it is known.
    #[must_use]
    pub fn of(text: &Text) -> Self {
        known(text).map_or_else(|| Self::Unknown(text.to_string()), Self::Namespace)
    }
}

/// What for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aim {
    /// What is asked for is done.
    Do,
    /// `rollback: auto` puts it back.
    Undo,
    /// A run that was interrupted goes on.
    Resume,
    /// A failure says more. Without it, it says less.
    Tell,
}

/// One verb on one kind of things.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// Where.
    pub scope: Scope,
    /// The group of the kind, empty for the first one.
    pub group: String,
    /// The kind in plural, with a part after a slash: `pods/exec`.
    pub resource: String,
    /// The one that is meant, where that is known and a role can say it.
    pub name: Option<String>,
    /// What is done.
    pub verb: &'static str,
    /// What for.
    pub aim: Aim,
}

/// What uses ask of one cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    all: BTreeSet<Right>,
    notes: BTreeSet<String>,
}

/// A manifest, as far as roles care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// `apps/v1`
    pub api_version: String,
    /// `Deployment`
    pub kind: String,
    /// Its name, where it is known.
    pub name: Option<String>,
    /// Its own namespace.
    pub namespace: Option<Scope>,
}

/// Reads the manifests in a file of the project; nothing if it cannot be read.
pub type Files<'a> = &'a dyn Fn(&str) -> Option<Vec<Manifest>>;

impl Right {
    /// The kind as a failure names it: `deployments.apps/scale`.
    #[must_use]
    pub fn shown(&self) -> String {
        match (self.group.as_str(), self.resource.split_once('/')) {
            ("", _) => self.resource.clone(),
            (group, Some((plural, part))) => format!("{plural}.{group}/{part}"),
            (group, None) => format!("{}.{group}", self.resource),
        }
    }
}

impl Rights {
    /// What a use of the action asks. `own` is the namespace of its connection; `undone` says that `rollback: auto` is
    /// to put it back.
    pub fn of(params: &Param, own: &Scope, undone: bool, files: Files<'_>) -> Result<Self, Failure> {
        let args = Args::new(params);
        let chosen = Verb::chosen(VERBS, &args)?;
        let own = match chosen.get("namespace") {
            Some(namespace) => Scope::of(&namespace.text()?),
            None => own.clone(),
        };
        let mut rights = Self::default();
        for it in rights.subjects(&chosen, &own, files)? {
            if let Some(assumed) = &it.thing.assumed {
                rights.notes.insert(assumed.clone());
            }
            let of_verb = ROWS.iter().filter(|row| row.verbs.contains(&chosen.verb.key));
            for row in of_verb.filter(|row| row.aim != Aim::Undo || undone) {
                rights.ask(row, &it, chosen.verb.key, chosen.is_on("all_namespaces"));
            }
        }
        Ok(rights)
    }

    /// What a use of `service` asks, where a cluster looks after it.
    pub fn of_service(params: &Param, own: &Scope) -> Result<Self, Failure> {
        let args = Args::new(params);
        let mut rights = Self::default();
        for (verb, becomes) in SERVICES {
            let Some(value) = args.get(verb) else { continue };
            let text = value.text()?;
            let it = if text.to_string().contains('/') {
                It::of_reference(&text, own)
            } else {
                rights.note(format!(
                    "`{text}` is taken to be a deployment: `statefulset/{text}` or `daemonset/{text}` would say otherwise"
                ));
                It::new(Thing::known("apps", "deployments"), Which::One(known(&text)), own)
            };
            // Whatever it is asked, how the service is belongs to the answer.
            rights.grant(&it.scope, (&it.thing, ""), it.name(), ("get", Aim::Do));
            for row in ROWS {
                for verb in becomes.iter().filter(|verb| row.verbs.contains(verb)) {
                    rights.ask(row, &it, verb, false);
                }
            }
        }
        Ok(rights)
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Right> {
        self.all.iter()
    }

    /// What was assumed.
    pub fn notes(&self) -> impl Iterator<Item = &str> {
        self.notes.iter().map(String::as_str)
    }

    /// Adds those of another use.
    pub fn add(&mut self, other: Self) {
        self.all.extend(other.all);
        self.notes.extend(other.notes);
    }

    /// Adds a word about what they rest on.
    pub fn note(&mut self, word: impl Into<String>) {
        self.notes.insert(word.into());
    }

    /// The roles that grant them.
    #[must_use]
    pub fn roles(&self) -> Vec<Role> {
        rules::roles(self.all.iter())
    }

    /// What the verb is about.
    fn subjects(&mut self, chosen: &Chosen<'_>, own: &Scope, files: Files<'_>) -> Result<Vec<It>, Failure> {
        let value = &chosen.value;
        let about = verb::about(chosen.verb);
        match (about, value.param()) {
            (About::Node, _) => {
                let text = value.text()?;
                let name = known(&text).map(|name| {
                    let bare = ["node/", "nodes/"]
                        .iter()
                        .find_map(|prefix| name.strip_prefix(prefix));
                    bare.unwrap_or(&name).to_owned()
                });
                let thing = Thing::known("", "nodes");
                Ok(vec![It::new(thing, Which::One(name), &Scope::Everywhere)])
            }
            (About::Manifests, Param::Map(_)) => Ok(vec![It::of_param(value.param(), own)]),
            (About::Manifests, Param::List(items)) => {
                Ok(items.iter().map(|item| It::of_param(item, own)).collect())
            }
            (About::Manifests, _) => Ok(self.of_file(value.literal()?, own, files)),
            (About::OneSomeOrFile, Param::Map(_)) => {
                Ok(self.of_file(value.require("file")?.literal()?, own, files))
            }
            (About::Anything, Param::Text(text)) if text.as_literal() == Some("all") => {
                let scope = if chosen.is_on("all_namespaces") {
                    &Scope::Everywhere
                } else {
                    own
                };
                Ok(vec![It::new(Thing::known("", "events"), Which::All, scope)])
            }
            _ => {
                let scope = if chosen.is_on("all_namespaces") {
                    &Scope::Everywhere
                } else {
                    own
                };
                Ok(vec![It::of_reference(&value.text()?, scope)])
            }
        }
    }

    fn of_file(&mut self, path: &str, own: &Scope, files: Files<'_>) -> Vec<It> {
        let Some(manifests) = files(path) else {
            self.note(format!(
                "`{path}` cannot be read, so what its manifests need is not here"
            ));
            return Vec::new();
        };
        manifests
            .into_iter()
            .map(|manifest| {
                let thing = Thing::of_manifest(&manifest.api_version, &manifest.kind);
                It::new(
                    thing,
                    Which::One(manifest.name),
                    manifest.namespace.as_ref().unwrap_or(own),
                )
            })
            .collect()
    }

    /// What a row of the table asks about this.
    fn ask(&mut self, row: &Row, it: &It, verb: &str, everywhere: bool) {
        let is_pod = it.thing.is("", "pods");
        let fits = match row.when {
            When::Always => true,
            When::Named => it.is_one(),
            When::Several => !it.is_one(),
            When::Owner => !is_pod,
            When::Listed => !it.thing.is("apps", "statefulsets"),
        };
        if !fits {
            return;
        }
        let named = it.name().map(str::to_owned);
        let mut scope = it.scope.clone();
        let (thing, name) = match row.on {
            On::It => (it.thing.clone(), named),
            On::Pods if verb == "drain" => (Thing::known("", "pods"), None),
            On::Pods => (Thing::known("", "pods"), named.filter(|_| is_pod)),
            On::Revisions if it.thing.is("apps", "deployments") => {
                (Thing::known("apps", "replicasets"), None)
            }
            On::Revisions => (Thing::known("apps", "controllerrevisions"), None),
            On::Measured => (
                Thing {
                    group: "metrics.k8s.io".to_owned(),
                    ..it.thing.clone()
                },
                named,
            ),
            On::Events => (Thing::known("", "events"), None),
        };
        if row.on == On::Events && everywhere {
            scope = Scope::Everywhere;
        }
        for verb in row.asks {
            self.grant(&scope, (&thing, row.part), name.as_deref(), (verb, row.aim));
        }
    }

    /// Adds one. Which of its objects is meant cannot be said of lists, watches, and what is still to be made.
    fn grant(
        &mut self,
        scope: &Scope,
        (thing, part): (&Thing, &str),
        name: Option<&str>,
        (verb, aim): (&'static str, Aim),
    ) {
        let resource = if part.is_empty() {
            thing.plural.clone()
        } else {
            format!("{}/{part}", thing.plural)
        };
        let is_any = matches!(verb, "list" | "watch") || (verb == "create" && part.is_empty());
        self.all.insert(Right {
            scope: scope.clone(),
            group: thing.group.clone(),
            resource,
            name: name.filter(|_| !is_any).map(str::to_owned),
            verb,
            aim,
        });
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Self {
        Self {
            all: rights.into_iter().collect(),
            notes: BTreeSet::new(),
        }
    }
}

/// Which objects of a kind a verb is about.
enum Which {
    /// Those that fit, which are listed.
    All,
    /// One, by its name as far as that is known.
    One(Option<String>),
}

/// What a verb is about.
struct It {
    thing: Thing,
    which: Which,
    scope: Scope,
}

impl It {
    fn new(thing: Thing, which: Which, scope: &Scope) -> Self {
        let scope = if thing.namespaced {
            scope.clone()
        } else {
            Scope::Everywhere
        };
        Self { thing, which, scope }
    }

    /// The name of the one object that it is about, as far as it is known.
    fn name(&self) -> Option<&str> {
        match &self.which {
            Which::One(name) => name.as_deref(),
            Which::All => None,
        }
    }

    const fn is_one(&self) -> bool {
        matches!(self.which, Which::One(_))
    }

    /// `deployment/web`, `pods`. The kind is always written out.
    fn of_reference(text: &Text, scope: &Scope) -> Self {
        let shown = text.to_string();
        let kind = shown.split('/').next().unwrap_or_default().to_ascii_lowercase();
        let which = if shown.contains('/') {
            let all = known(text);
            Which::One(all.and_then(|all| Some(all.split_once('/')?.1.to_owned())))
        } else {
            Which::All
        };
        Self::new(Thing::named(&kind), which, scope)
    }

    /// A manifest that stands in the step.
    fn of_param(manifest: &Param, own: &Scope) -> Self {
        let text = |param: Option<&Param>| match param {
            Some(Param::Text(text)) => Some(text.clone()),
            Some(Param::Null | Param::Bool(_) | Param::Number(_) | Param::List(_) | Param::Map(_)) | None => {
                None
            }
        };
        let literal = |key: &str| {
            text(manifest.get(key))
                .and_then(|text| known(&text))
                .unwrap_or_default()
        };
        let metadata = manifest.get("metadata");
        let of = |key: &str| text(metadata.and_then(|metadata| metadata.get(key)));
        let thing = Thing::of_manifest(&literal("apiVersion"), &literal("kind"));
        let name = of("name").and_then(|name| known(&name));
        let scope = of("namespace").map_or_else(|| own.clone(), |namespace| Scope::of(&namespace));
        Self::new(thing, Which::One(name), &scope)
    }
}

/// The text, if all of it is known and none of it is secret.
fn known(text: &Text) -> Option<String> {
    (!text.is_unknown() && !text.is_secret()).then(|| text.reveal())
}
