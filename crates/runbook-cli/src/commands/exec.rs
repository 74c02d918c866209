//! `runbook exec`

use std::path::Path;

use indexmap::IndexMap;
use runbook_engine::{LabAddress, Prepared, Start};
use runbook_event::Outcome;
use runbook_journal::{Unheard, Writer};
use runbook_plan::{Catalogue, Given, Origin};
use serde_json::Value;

use super::agreed::Agreed;
use crate::args::{Exec, Inputs};
use crate::catalogue::catalogue;
use crate::clock::now;
use crate::compiled::{self, Compiled};
use crate::error::Error;
use crate::identity::Environment;
use crate::project::{Project, sha256};
use crate::seals::Seals;
use crate::session::{self, Session};
use crate::{git, practice, secrets, signals, wanted};

/// Runs a runbook. Everything that can be refused is refused before anything starts.
pub(crate) fn run(project: &Project, environment: &Environment, args: &Exec) -> Result<u8, Error> {
    let path = project.find_runbook(&args.runbook)?;
    project.knows_environment(args.env.as_deref())?;
    let catalogue = catalogue(environment, &project.root);
    let compiled = compiled::from_files(project, &path, args.env.as_deref(), &catalogue)?;
    let plan = &compiled.plan;
    let wanted = wanted::wanted(plan, &args.wants)?;
    let mut given = given(&args.inputs)?;
    let agreed = args.plan.as_deref().map(Agreed::read).transpose()?;
    if let Some(agreed) = &agreed {
        agreed.fill(&mut given);
    }
    let inputs = plan.resolve_inputs(&given).map_err(Error::Inputs)?;
    if let Some(agreed) = &agreed {
        agreed.holds(&project.root, &compiled, &catalogue, &inputs)?;
    }
    session::may_ask(plan, args.yes, args.going, |step| {
        !wanted.skips.contains_key(step)
    })?;
    let run = run_name(&plan.about().name);
    let commit = git::commit(environment, &project.root);
    let seals = Seals::prepare(project, environment, commit.as_ref())?;
    let vault = session::new_vault(project, environment, &run)?;
    let pinned: IndexMap<String, String> = compiled
        .texts
        .iter()
        .map(|(name, text)| (name.clone(), sha256(text)))
        .collect();
    let start = Start {
        run: run.clone(),
        inputs,
        secrets: secrets::read(plan, environment, &project.root)?,
        lab: None,
        incident: args.incident.clone(),
        promise: project.promise(plan.about().severity.as_deref()),
        who: environment.who(),
        path: compiled.path.clone(),
        sha256: sha256(compiled.text()),
        pinned,
        commit,
        wanted,
        engine: env!("CARGO_PKG_VERSION").to_owned(),
        vault: session::as_port(&vault),
    };
    let session = Session {
        project,
        environment,
        going: args.going,
        yes: args.yes,
        run: &run,
        vault,
        screen: session::screen(environment, args.going),
        unheard: Unheard::default(),
    };
    session::block_on(async {
        let lab = practice::start(&compiled.plan, &args.practice).await?;
        let lab_address = lab.as_ref().map(|lab| LabAddress {
            url: lab.url().to_owned(),
            database: lab.database_url().to_owned(),
        });
        let start = Start {
            lab: lab_address,
            ..start
        };
        let outcome = begin(&session, compiled, &catalogue, (start, seals)).await;
        if let Some(lab) = lab {
            lab.stop().await;
        }
        Ok(outcome?.exit_code())
    })
}

/// Begins the run once it has what it owns.
async fn begin(
    session: &Session<'_>,
    compiled: Compiled,
    catalogue: &Catalogue,
    (start, seals): (Start, Seals),
) -> Result<Outcome, Error> {
    let mut signals = signals::listen()?;
    let prepared = Prepared::new(compiled.plan, catalogue.clone(), start)?;
    let holding = session.take(prepared.locks(), &mut signals).await?;
    let pinned: Vec<(&str, &[u8])> = compiled
        .texts
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_bytes()))
        .collect();
    let mut journal =
        Writer::create(&session.project.runs(), session.run, &pinned).inspect_err(|_| holding.release())?;
    seals
        .attach(&mut journal, &session.unheard)
        .inspect_err(|_| holding.release())?;
    session.drive(prepared, journal, holding, signals).await
}

pub(super) fn given(args: &Inputs) -> Result<Vec<Given>, Error> {
    let mut given = Vec::new();
    for path in &args.inputs {
        given.extend(from_file(path)?);
    }
    for pair in &args.input {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(Error::usage_with(
                format!("`{pair}` is not an input"),
                "write it as `-i NAME=VALUE`",
            ));
        };
        let twice = |known: &Given| known.origin == Origin::Argument && known.name == name;
        if given.iter().any(twice) {
            return Err(Error::usage_with(
                format!("the input `{name}` is given twice with `-i`"),
                "leave one of them out",
            ));
        }
        given.push(Given {
            name: name.to_owned(),
            value: Value::from(value),
            origin: Origin::Argument,
        });
    }
    Ok(given)
}

fn from_file(path: &Path) -> Result<Vec<Given>, Error> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::file("read", path, &error))?;
    let origin = Origin::File(path.display().to_string());
    let not =
        |what: &str, error: String| Error::usage(format!("`{}` is not {what}: {error}", path.display()));
    let is_json = path
        .extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("json"));
    // JSON has escapes, such as pairs of surrogates, that a reader of YAML refuses.
    let value: Value = if is_json {
        serde_json::from_str(&text).map_err(|error| not("JSON", error.to_string()))?
    } else {
        serde_yaml::from_str(&text)
            .or_else(|error| serde_json::from_str(&text).map_err(|_| error))
            .map_err(|error| not("YAML or JSON", error.to_string()))?
    };
    let Value::Object(map) = value else {
        return Err(Error::usage_with(
            format!("`{}` holds no inputs", path.display()),
            "write a mapping: `name: value`",
        ));
    };
    Ok(map
        .into_iter()
        .map(|(name, value)| Given {
            name,
            value,
            origin: origin.clone(),
        })
        .collect())
}

/// When, which runbook, and four digits against two in the same second.
fn run_name(runbook: &str) -> String {
    let mut random = [0u8; 2];
    // Without randomness the name is still good: two runs of one runbook in one second are refused.
    let _unseeded = getrandom::fill(&mut random);
    let [high, low] = random;
    format!(
        "{}-{runbook}-{high:02x}{low:02x}",
        now().strftime("%Y%m%d-%H%M%S")
    )
}
