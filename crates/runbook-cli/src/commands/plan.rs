//! `runbook plan`: what a runbook would do with these inputs, and with `--probe` what it would meet.

use runbook_engine::{LabAddress, Probe, Sounding};
use runbook_event::Outcome;
use runbook_lab::Lab;
use std::sync::Arc;

use super::{exec, show};
use crate::args::{self, PlanFormat};
use crate::catalogue::catalogue;
use crate::clock::SystemClock;
use crate::compiled;
use crate::describe::probe;
use crate::error::Error;
use crate::identity::Environment;
use crate::project::Project;
use crate::{practice, secrets, session, signals, term};

pub(crate) fn run(project: &Project, environment: &Environment, args: &args::Plan) -> Result<u8, Error> {
    let path = project.find_runbook(&args.runbook)?;
    project.knows_environment(args.env.as_deref())?;
    let given = exec::given(&args.inputs)?;
    if args.rbac {
        return show::roles(project, &path, args, &given);
    }
    if !args.probe {
        return show::planned(project, &path, args, &given);
    }
    let text = match args.format {
        PlanFormat::Text => true,
        PlanFormat::Json => false,
        PlanFormat::Markdown | PlanFormat::Mermaid | PlanFormat::Dot | PlanFormat::Svg => {
            return Err(Error::usage_with(
                "what a probe was told is printed as text or as JSON",
                "add `--format text` or `--format json`, or leave `--probe` out",
            ));
        }
    };
    let catalogue = catalogue(environment, &project.root);
    let compiled = compiled::from_files(project, &path, args.env.as_deref(), &catalogue)?;
    let inputs = compiled.plan.resolve_inputs(&given).map_err(Error::Inputs)?;
    let secrets = secrets::read(&compiled.plan, environment, &project.root)?;
    session::block_on(async {
        let lab = practice::start(&compiled.plan, &args.practice).await?;
        let head = probe::Head::of(&compiled.plan, &compiled.path);
        let any = compiled.plan.detect_any();
        let address = lab.as_ref().map(address);
        let outcome = match Probe::new(compiled.plan, catalogue, &inputs, secrets, address) {
            Ok(probe) => sound(probe, &head, any, text).await,
            Err(error) => Err(error.into()),
        };
        if let Some(lab) = lab {
            lab.stop().await;
        }
        outcome
    })
}

fn address(lab: &Lab) -> LabAddress {
    LabAddress {
        url: lab.url().to_owned(),
        database: lab.database_url().to_owned(),
    }
}

/// Probes it, and tells of each thing as soon as it is known.
async fn sound(probe: Probe, head: &probe::Head, any: bool, text: bool) -> Result<u8, Error> {
    let signals = signals::listen()?;
    let mut told = probe::Telling::new(any, term::width());
    if text {
        term::print_raw(&told.begins(head));
    }
    let mut tell = |sounding: Sounding| {
        let lines = told.sounding(&sounding);
        if text {
            term::print_raw(&lines);
        }
    };
    let stopped = probe.run(Arc::new(SystemClock::new()), signals, &mut tell).await;
    if text {
        term::print_raw(&told.ends(stopped.as_ref().err()));
    } else {
        term::print(&format!("{:#}", told.json(head, stopped.as_ref().err())));
    }
    Ok(match stopped {
        Err(_) => Outcome::Interrupted.exit_code(),
        Ok(()) => u8::from(told.hindered()),
    })
}
