//! What vouches for a run while it goes on, as the project file wants it: seals beside its journal, notes of git.

use runbook_event::Commit;
use runbook_journal::{KeyError, PublicKey, Sealer, SealingKey, Unheard, Witness, Writer};

use crate::error::Error;
use crate::git::notes::Notes;
use crate::identity::Environment;
use crate::project::{CONFIG, Project};
use crate::secrets;
use crate::term::{self, WARN, styled};

/// What will vouch for a run.
pub(crate) struct Seals {
    key: Option<SealingKey>,
    notes: Option<Notes>,
    required: bool,
}

impl Seals {
    /// What the project wants, and what of it there is. The rest is told, or refused where the project demands it.
    pub(crate) fn prepare(
        project: &Project,
        environment: &Environment,
        commit: Option<&Commit>,
    ) -> Result<Self, Error> {
        let wanted = &project.config.seal;
        let mut seals = Self {
            key: None,
            notes: None,
            required: wanted.required,
        };
        match key(project, environment) {
            Ok(key) => seals.key = key,
            // A signal ends all.
            Err(error @ Error::Interrupted { .. }) => return Err(error),
            Err(error) => lacking(wanted.required, &format!("the run cannot be sealed: {error}"))?,
        }
        if wanted.git_notes {
            match notes(project, environment, commit) {
                Ok(notes) => seals.notes = Some(notes),
                Err(why) => {
                    let message = format!("the run's head cannot be written as a note of git: {why}");
                    lacking(wanted.required, &message)?;
                }
            }
        }
        if wanted.required && seals.key.is_none() && seals.notes.is_none() {
            let message = format!("`{CONFIG}` demands seals and names neither a key nor git notes");
            lacking(true, &message)?;
        }
        Ok(seals)
    }

    /// From here on they hear of the run's head.
    pub(crate) fn attach(self, writer: &mut Writer, unheard: &Unheard) -> Result<(), Error> {
        let mut witnesses: Vec<Box<dyn Witness>> = Vec::new();
        if let Some(key) = self.key {
            match Sealer::open(writer.dir(), key, self.required) {
                Ok(sealer) => witnesses.push(Box::new(sealer)),
                Err(error) => lacking(self.required, &format!("the run cannot be sealed: {error}"))?,
            }
        }
        if let Some(notes) = self.notes {
            witnesses.push(Box::new(notes));
        }
        writer.witnessed_by(witnesses, unheard.clone());
        Ok(())
    }
}

/// Says what there is not, or refuses.
fn lacking(required: bool, message: &str) -> Result<(), Error> {
    if required {
        let help = format!("`seal.required` of `{CONFIG}` demands it");
        let told = message.trim_end_matches(", so nothing ran");
        return Err(Error::usage_with(format!("{told}, so nothing ran"), help));
    }
    let told = message.trim_end_matches(", so nothing ran");
    term::print_error(&format!("{} {told}", styled(WARN, "warning:")));
    Ok(())
}

/// The key that the project names, if it names one.
fn key(project: &Project, environment: &Environment) -> Result<Option<SealingKey>, Error> {
    let wanted = &project.config.seal;
    let Some(from) = &wanted.key else {
        return Ok(None);
    };
    let secret = secrets::single(from, "the key that seals runs", environment, &project.root)?;
    let key = SealingKey::read(secret.reveal())
        .map_err(|error| Error::usage(format!("the key that seals runs is none: {error}")))?;
    if !public(project)?.contains(&key.public()) {
        let message = format!("its public key `{}` is not among those that count", key.public());
        return Err(Error::usage_with(
            message,
            format!("add it to `seal.public` of `{CONFIG}`"),
        ));
    }
    Ok(Some(key))
}

/// The public keys whose seals count.
pub(crate) fn public(project: &Project) -> Result<Vec<PublicKey>, Error> {
    let read = |text: &String| {
        text.parse().map_err(|error: KeyError| {
            Error::usage_with(
                format!(
                    "`{}` of `seal.public` is no public key: {error}",
                    runbook_report::visible(text)
                ),
                "`runbook seal keygen FILE` prints one",
            )
        })
    };
    project.config.seal.public.iter().map(read).collect()
}

fn notes(project: &Project, environment: &Environment, commit: Option<&Commit>) -> Result<Notes, String> {
    let commit = commit.ok_or("the run is of no commit")?;
    let required = project.config.seal.required;
    Notes::onto(environment, &project.root, &commit.id, &project.state(), required)
}
