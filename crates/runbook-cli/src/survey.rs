//! Looking at many runbooks: what is wrong with each, and what it does to the world.

use std::path::{Path, PathBuf};

use runbook_action::Effect;
use runbook_document::{Finding, codes, settle};
use runbook_plan::{Catalogue, Library, Plan, Request, check_everywhere};

use crate::catalogue::catalogue;
use crate::error::Error;
use crate::identity::Environment;
use crate::lacking;
use crate::parallel;
use crate::project::{Loaded, Project};

/// Runbooks that were read and checked. No process is started, no connection opened and no secret read for it.
pub(crate) struct Survey {
    pub(crate) runbooks: Vec<Surveyed>,
    /// What is wrong with several of them together.
    together: Vec<Finding>,
}

/// A runbook that was read and checked.
pub(crate) struct Surveyed {
    pub(crate) loaded: Loaded,
    /// What is wrong with it, as it was found.
    findings: Vec<Finding>,
    /// The greatest effect that it has in an environment. None if it has errors.
    pub(crate) effect: Option<Effect>,
}

impl Survey {
    /// Reads runbooks and checks them in an environment, or in all that the project has. `trees` says whether their
    /// trees are needed afterwards.
    pub(crate) fn of(
        project: &mut Project,
        paths: &[PathBuf],
        environment: Option<&str>,
        trees: bool,
    ) -> Result<Self, Error> {
        let loaded = project.load_all(paths, trees)?;
        let library = project.library(&loaded)?;
        let together = library.duplicates(|span| loaded.iter().any(|one| one.source == span.source));
        let environments: Vec<Option<&str>> = match environment {
            Some(name) => vec![Some(name)],
            None if project.config.environments.is_empty() => vec![None],
            None => project.config.names().map(Some).collect(),
        };
        let bench = Bench {
            project,
            library: &library,
            catalogue: &blind_catalogue(&project.root),
            environments: &environments,
        };
        let judged = parallel::each(&loaded, |_, one| bench.judge(one));
        let runbooks = loaded
            .into_iter()
            .zip(judged)
            .map(|(loaded, (findings, effect))| Surveyed {
                loaded,
                findings,
                effect,
            })
            .collect();
        Ok(Self { runbooks, together })
    }

    /// All that is wrong, with what else was found, as the project wants it.
    pub(crate) fn findings(
        &mut self,
        project: &Project,
        more: Vec<Finding>,
        environment: Option<&str>,
    ) -> Vec<Finding> {
        let mut all = project.findings.clone();
        let mut waivers = project.waivers.clone();
        all.append(&mut self.together);
        all.extend(more);
        for one in &mut self.runbooks {
            all.append(&mut one.findings);
            waivers.extend_from_slice(one.loaded.findings.waivers());
        }
        // Whether there is something to waive is not to be seen in the runbook alone.
        let by_history = |finding: &Finding| finding.code == codes::VERSION_NOT_RAISED;
        if !all.iter().any(by_history) {
            waivers.retain(|waiver| {
                waiver.code.value != codes::VERSION_NOT_RAISED.id || waiver.reason.is_empty()
            });
        }
        settle(all, &waivers, &project.config.levels(environment))
    }
}

/// All that is needed to judge a runbook.
struct Bench<'a> {
    project: &'a Project,
    library: &'a Library,
    catalogue: &'a Catalogue,
    environments: &'a [Option<&'a str>],
}

impl Bench<'_> {
    fn judge(&self, loaded: &Loaded) -> (Vec<Finding>, Option<Effect>) {
        let mut all = loaded.findings.clone().into_sorted();
        let Some(document) = &loaded.document else {
            return (all, None);
        };
        let request = Request {
            document,
            // No plan is run, so none has a digest.
            tree: None,
            config: &self.project.config,
            environment: None,
            catalogue: self.catalogue,
            library: self.library,
            texts: &self.project.sources.texts,
        };
        let mut lacking = Vec::new();
        let mut greatest = None;
        let findings = check_everywhere(&request, self.environments, |plan| {
            lacking.extend(runbook_engine::lacks(plan, self.catalogue));
            greatest = greatest.max(Some(effect(plan)));
        });
        all.extend(findings);
        all.extend(lacking::warning(lacking, document.name.span));
        (all, greatest)
    }
}

/// The greatest effect of its steps.
fn effect(plan: &Plan) -> Effect {
    let effects = plan.all_steps().map(|step| step.effect);
    effects.max().unwrap_or(Effect::Read)
}

/// All actions, without any environment variable: what an action accepts does not depend on them.
pub(crate) fn blind_catalogue(root: &Path) -> Catalogue {
    let nothing = Environment {
        vars: Vec::new(),
        directory: root.to_owned(),
    };
    catalogue(&nothing, root)
}
