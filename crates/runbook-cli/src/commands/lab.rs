//! `runbook lab`

use runbook_lab::{Database, Fault, Settings, systems};

use crate::args::Lab;
use crate::error::Error;
use crate::identity::Environment;
use crate::practice::{fault, known};
use crate::term::{self, BOLD, styled};

pub(crate) fn run(args: &Lab) -> Result<u8, Error> {
    if args.list {
        list();
        return Ok(0);
    }
    known(&args.system)?;
    let mut settings = Settings::new(database(args)?);
    for word in &args.fault {
        settings = settings.with_fault(fault(word)?);
    }
    settings.listen = args.listen;
    settings.pool_size = args.pool_size;
    settings.leaked = args.leaked;
    settings.busy = args.busy;
    let runtime =
        tokio::runtime::Runtime::new().map_err(|error| Error::usage(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        let mut signals = crate::signals::listen()?;
        let lab = runbook_lab::start(settings).await?;
        term::print(&format!("{} listens on {}", args.system, lab.url()));
        term::print("end it with Ctrl-C");
        drop(crate::signals::to_end(&mut signals).await);
        lab.stop().await;
        Ok(0)
    })
}

fn database(args: &Lab) -> Result<Database, Error> {
    let Some(variable) = &args.postgres_from else {
        return Ok(Database::Sqlite);
    };
    match Environment::snapshot().get(variable) {
        Some(url) => Ok(Database::Postgres(url.to_owned())),
        None => Err(Error::usage_with(
            format!("the environment variable `{variable}` is not set"),
            format!("set it to the database's URL: `{variable}=postgres://…`"),
        )),
    }
}

fn list() {
    for system in systems() {
        term::print(&format!("{}  {}", styled(BOLD, system.name), system.summary));
        let width = system
            .faults
            .iter()
            .map(|fault| fault.name().len())
            .max()
            .unwrap_or(0);
        for fault in system.faults {
            term::print(&format!("  {:width$}  {}", Fault::name(*fault), fault.summary()));
        }
    }
}
