//! One side of a review: runbooks as they are at one time, and what each does in each environment.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, RandomState};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use runbook_action_plugin::Lock;
use runbook_document::{Finding, Findings, SourceId, settle};
use runbook_graph::Mark;
use runbook_plan::{Library, Plan, Request, compile};
use runbook_review::digest;
use serde_json::Value;

use crate::describe::{Told, Totals, json, picture};
use crate::error::Error;
use crate::git::Base;
use crate::named::{self, Here, Reach, Tree};
use crate::parallel;
use crate::project::{CONFIG, Loaded, Project, RUNBOOKS};
use crate::survey::blind_catalogue;

/// Runbooks at one time, with the project around them.
pub(crate) struct Side<'a> {
    pub(super) project: Project,
    /// Those that were read for this side: all that the other side has not to the letter.
    pub(super) loaded: Vec<Loaded>,
    /// The other side, and the paths of the runbooks that stand there to the letter.
    same: Option<(&'a Self, BTreeSet<String>)>,
    /// The commit; the files as they are if there is none.
    base: Option<&'a Base<'a>>,
}

/// What a runbook does.
pub(crate) struct Judged {
    pub(crate) path: String,
    pub(crate) name: String,
    text: String,
    /// The codes that its author waives, with the reasons.
    pub(crate) waives: Vec<String>,
    /// What it does in each environment; without one where the project has none. Nothing where it has errors.
    pub(crate) plans: BTreeMap<Option<String>, Value>,
    /// What is wrong with it, a line each.
    pub(crate) findings: Vec<String>,
    /// How much it does, in a sentence.
    pub(crate) totals: String,
    plan: Option<Plan>,
}

impl<'a> Side<'a> {
    /// The files as they are.
    pub(crate) fn here(project: &Project) -> Result<Self, Error> {
        let mut project = project.clone();
        let paths = project.all_runbooks()?;
        let loaded = project.load_all(&paths, true)?;
        Ok(Self {
            project,
            loaded,
            same: None,
            base: None,
        })
    }

    /// The files as git has them at a commit. What another side has to the letter is not read twice.
    pub(crate) fn at(project: &Project, base: &'a Base<'a>, other: Option<&'a Self>) -> Result<Self, Error> {
        let names = base.files(&project.root, &[CONFIG, RUNBOOKS])?;
        let is_runbook = |name: &str| {
            let path = Path::new(name);
            name.starts_with(RUNBOOKS)
                && path.extension().is_some_and(|end| end == "yaml" || end == "yml")
                && path.file_name().is_some_and(|name| name != CONFIG)
        };
        let wanted: Vec<PathBuf> = names
            .iter()
            .filter(|name| *name == CONFIG || is_runbook(name))
            .map(PathBuf::from)
            .collect();
        let texts = base.texts_of(&project.root, &wanted)?;
        let known: BTreeMap<&str, &str> = other.into_iter().flat_map(Side::written).collect();
        let mut same = BTreeSet::new();
        let mut config = None;
        let mut runbooks = Vec::new();
        for (path, text) in wanted.into_iter().zip(texts) {
            let name = path.to_string_lossy().replace('\\', "/");
            match text {
                Some(text) if name == CONFIG => config = Some(text),
                Some(text) if known.get(name.as_str()) == Some(&text.as_str()) => {
                    same.insert(name);
                }
                Some(text) => runbooks.push((name, text)),
                None => {}
            }
        }
        let mut side = project.with_config(config);
        let loaded = side.load_texts(runbooks);
        Ok(Self {
            project: side,
            loaded,
            same: other.map(|other| (other, same)),
            base: Some(base),
        })
    }

    /// The project files, as data, and what pins plugins, as a text: each by its name. Those below `runbooks/` would be
    /// projects of their own.
    pub(crate) fn settings(&self) -> Result<BTreeMap<String, Value>, Error> {
        let root = &self.project.root;
        let names: Vec<String> = match self.base {
            Some(base) => base.files(root, &[])?,
            None => [CONFIG.to_owned(), Lock::FILE.to_owned()]
                .into_iter()
                .chain(configs_below(&root.join(RUNBOOKS), RUNBOOKS))
                .collect(),
        };
        let is_config = |name: &str| {
            name == CONFIG
                || name == Lock::FILE
                || (name.starts_with("runbooks/") && name.ends_with(&format!("/{CONFIG}")))
        };
        let names: Vec<String> = names.into_iter().filter(|name| is_config(name)).collect();
        let texts = match self.base {
            Some(base) => base.texts_of(root, &names.iter().map(PathBuf::from).collect::<Vec<_>>())?,
            None => names.iter().map(|name| named::read(root, name)).collect(),
        };
        let all = names.into_iter().zip(texts).filter_map(|(name, text)| {
            let text = text?;
            let tree = runbook_document::parse(SourceId(0), &text, &mut Findings::new());
            // What is no YAML is compared as it is.
            Some((name, tree.map_or(Value::from(text), |tree| tree.to_json())))
        });
        Ok(all.collect())
    }

    /// All its runbooks, with the texts that they were read from.
    pub(super) fn runbooks(&self) -> impl Iterator<Item = (&Loaded, &[String])> {
        let own = self.loaded.iter().map(|one| (one, &*self.project.sources.texts));
        let same = self.same.iter().flat_map(|(other, same)| {
            let shared = other.loaded.iter().filter(|one| same.contains(&one.path));
            shared.map(|one| (one, &*other.project.sources.texts))
        });
        own.chain(same)
    }

    /// The runbooks that were read for this side, each with its path and how it is written.
    pub(super) fn written(&self) -> impl Iterator<Item = (&str, &str)> {
        let text = |one: &Loaded| self.project.sources.text(one.source);
        self.loaded.iter().map(move |one| (one.path.as_str(), text(one)))
    }

    /// Whether the other side has this runbook to the letter.
    pub(super) fn shares(&self, path: &str) -> bool {
        self.same.as_ref().is_some_and(|(_, same)| same.contains(path))
    }

    /// What each of its runbooks does, or those of these paths.
    pub(crate) fn judged(&self, only: Option<&BTreeSet<String>>) -> Vec<Judged> {
        let catalogue = blind_catalogue(&self.project.root);
        let mut library = Library::new();
        for document in self.runbooks().filter_map(|(one, _)| one.document.as_ref()) {
            library.add(document);
        }
        let names: Vec<Option<&str>> = if self.project.config.environments.is_empty() {
            vec![None]
        } else {
            self.project.config.names().map(Some).collect()
        };
        let judge = Judge {
            side: self,
            library: &library,
            catalogue: &catalogue,
            environments: &names,
        };
        let wanted: Vec<(&Loaded, &[String])> = self
            .runbooks()
            .filter(|(one, _)| only.is_none_or(|only| only.contains(&one.path)))
            .collect();
        let mut all = parallel::each(&wanted, |_, (one, texts)| judge.of(one, texts));
        calls(&mut all);
        all
    }

    /// What these names reach: files of them, and what those name in turn.
    pub(crate) fn reach(&self, names: BTreeSet<String>) -> Result<Reach, Error> {
        match self.base {
            None => Reach::of(names, &Here(&self.project.root)),
            Some(base) => {
                let root = &self.project.root;
                let there = base.files(root, &[])?.into_iter().collect();
                Reach::of(names, &Then { base, root, there })
            }
        }
    }
}

/// The files as git has them at a commit.
struct Then<'a> {
    base: &'a Base<'a>,
    root: &'a Path,
    there: BTreeSet<String>,
}

impl Tree for Then<'_> {
    fn texts(&self, names: &[String]) -> Result<Vec<Option<String>>, Error> {
        let as_git_knows = |name: &String| {
            // What is not there has no name that git would be asked for.
            if self.there.contains(name) {
                PathBuf::from(name)
            } else {
                PathBuf::new()
            }
        };
        self.base
            .texts_of(self.root, &names.iter().map(as_git_knows).collect::<Vec<_>>())
    }

    fn below(&self, folder: &str) -> Vec<String> {
        let below = format!("{folder}/");
        let after = self.there.range(below.clone()..);
        after
            .take_while(|name| name.starts_with(&below))
            .cloned()
            .collect()
    }
}

impl Side<'_> {
    /// What one of its runbooks does, in this environment.
    pub(crate) fn facts(&self, name: &str, environment: Option<&str>) -> Option<Value> {
        let all = self.judged(None);
        let fits = |one: &&Judged| one.path == name || one.path == format!("{RUNBOOKS}/{name}");
        let one = all.iter().find(fits)?;
        let plan = match environment {
            Some(name) => one.plans.get(&Some(name.to_owned())),
            None => one.plans.values().next(),
        };
        plan.cloned()
    }
}

/// The project files below a folder, with their names.
fn configs_below(folder: &Path, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let file = entry.file_name();
        let below = format!("{name}/{}", file.to_string_lossy());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(configs_below(&entry.path(), &below));
        } else if file == CONFIG {
            found.push(below);
        }
    }
    found
}

struct Judge<'a> {
    side: &'a Side<'a>,
    library: &'a Library,
    catalogue: &'a runbook_plan::Catalogue,
    environments: &'a [Option<&'a str>],
}

impl Judge<'_> {
    fn of(&self, loaded: &Loaded, texts: &[String]) -> Judged {
        let project = &self.side.project;
        let text = usize::try_from(loaded.source.0).ok().and_then(|at| texts.get(at));
        let text = text.cloned().unwrap_or_default();
        let mut judged = Judged {
            path: loaded.path.clone(),
            name: loaded
                .document
                .as_ref()
                .map(|it| it.name.value.clone())
                .unwrap_or_default(),
            text,
            waives: loaded
                .findings
                .waivers()
                .iter()
                .map(|waiver| format!("{}: {}", waiver.code.value, waiver.reason))
                .collect(),
            plans: BTreeMap::new(),
            findings: Vec::new(),
            totals: String::new(),
            plan: None,
        };
        let mut all: Vec<Finding> = loaded.findings.clone().into_sorted();
        if let Some(document) = &loaded.document {
            for environment in self.environments {
                let request = Request {
                    document,
                    tree: None,
                    config: &project.config,
                    environment: *environment,
                    catalogue: self.catalogue,
                    library: self.library,
                    texts,
                };
                let mut findings = Findings::new();
                if let Some(plan) = compile(&request, &mut findings) {
                    let told = Told {
                        plan: &plan,
                        path: &loaded.path,
                        lacking: &[],
                        foreseen: None,
                    };
                    let mut facts = json::json(&told);
                    mark_secrets(&plan, &mut facts);
                    judged.plans.insert(environment.map(str::to_owned), facts);
                    judged.totals = Totals::of(&plan).sentence();
                    judged.plan = Some(plan);
                }
                all.extend(findings.into_sorted());
            }
        }
        let mut waivers = project.waivers.clone();
        waivers.extend_from_slice(loaded.findings.waivers());
        for finding in settle(all, &waivers, &project.config.levels(None)) {
            let line = format!("{} {}", finding.code.id, finding.message);
            if !judged.findings.contains(&line) {
                judged.findings.push(line);
            }
        }
        judged
    }
}

/// Tells the defaults of secret inputs apart, by numbers that mean nothing outside of this review.
fn mark_secrets(plan: &Plan, facts: &mut Value) {
    static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    let inputs = facts["inputs"].as_array_mut().into_iter().flatten();
    for (input, facts) in plan.inputs().iter().zip(inputs) {
        if let (true, Some(default)) = (input.secret, &input.default) {
            facts["default"] = format!("‹secret {:016x}›", KEYS.hash_one(default.to_string())).into();
        }
    }
}

impl Judged {
    /// The same runbook on the other side: of the same file, or else of the same name.
    pub(crate) fn earlier_in<'a>(&self, others: &'a [Self]) -> Option<&'a Self> {
        let same_file = others.iter().find(|one| one.path == self.path);
        same_file.or_else(|| {
            others
                .iter()
                .find(|one| one.name == self.name && !self.name.is_empty())
        })
    }

    /// Whether nothing of it differs, not even how it is written.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.text == other.text && self.plans == other.plans && self.findings == other.findings
    }

    /// What could be files in what its actions are given.
    pub(crate) fn names_files(&self) -> BTreeSet<String> {
        self.plans.values().flat_map(named::candidates).collect()
    }

    /// Its graph in the language of Mermaid.
    pub(crate) fn drawn(&self, mark: &dyn Fn(&str) -> Mark) -> String {
        self.plan.as_ref().map_or_else(String::new, |plan| {
            runbook_graph::mermaid(&picture::picture(plan, mark))
        })
    }
}

/// Tells with each call what the runbook that is called does, so that a change of that is one of whoever calls it.
fn calls(all: &mut [Judged]) {
    // As deep as calls go: each round brings what is called one level nearer.
    for _ in 0..DEEPEST {
        let mut done: BTreeMap<(String, Option<String>), String> = BTreeMap::new();
        for one in all.iter() {
            for (environment, plan) in &one.plans {
                done.insert((one.name.clone(), environment.clone()), digest(plan));
            }
        }
        let mut changed = false;
        for one in all.iter_mut() {
            for (environment, plan) in &mut one.plans {
                let does = |name: &str| done.get(&(name.to_owned(), environment.clone())).cloned();
                changed |= told(plan, &does);
            }
        }
        if !changed {
            return;
        }
    }
}

/// How deep calls are followed: deeper ones are refused by `check`.
const DEEPEST: usize = 16;

fn told(value: &mut Value, does: &dyn Fn(&str) -> Option<String>) -> bool {
    let mut changed = false;
    match value {
        Value::Object(map) => {
            if let Some(Value::Object(call)) = map.get_mut("runbook")
                && let Some(known) = call.get("name").and_then(Value::as_str).and_then(does)
            {
                let known = Value::from(known);
                changed |= call.get("does") != Some(&known);
                call.insert("does".to_owned(), known);
            }
            for (key, inner) in map.iter_mut() {
                if key != "params" {
                    changed |= told(inner, does);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                changed |= told(item, does);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    changed
}
