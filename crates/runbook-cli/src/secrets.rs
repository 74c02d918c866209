//! The values of secrets, read from where a runbook says that they are, when a run begins.

mod file;
mod program;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use runbook_action::Secret;
use runbook_engine::{MIN_SECRET, Masker};
use runbook_plan::{Plan, Secret as Declared, SecretFrom};

use self::program::{Program, Stopped, Wrong};
use crate::error::Error;
use crate::identity::Environment;
use crate::signals;

/// How many bytes a secret may have.
const MOST: usize = 64 * 1024;

/// How long a program may take to print one.
const PATIENCE: Duration = Duration::from_secs(30);

/// The secrets of a plan and of the runbooks that it calls, by the names of those. What several use is read once.
pub(crate) fn read(
    plan: &Plan,
    environment: &Environment,
    root: &Path,
) -> Result<BTreeMap<String, Vec<Secret>>, Error> {
    let mut reader = Reader {
        environment,
        root,
        known: Vec::new(),
    };
    let own = plan.about().name.as_str();
    let mut all = BTreeMap::from([(own.to_owned(), reader.all(plan, None)?)]);
    for (name, called) in plan.runbooks() {
        all.insert(name.to_owned(), reader.all(called, Some(name))?);
    }
    Ok(all)
}

/// A secret that no runbook declares. `whose` says what it is.
pub(crate) fn single(
    from: &runbook_document::SecretFrom,
    whose: &str,
    environment: &Environment,
    root: &Path,
) -> Result<Secret, Error> {
    use runbook_document::SecretFrom as Written;
    let from = match from {
        Written::Env(name) => SecretFrom::Env(name.value.clone()),
        Written::File(path) => SecretFrom::File(path.value.clone()),
        Written::Command(words) => SecretFrom::Command(words.iter().map(|word| word.value.clone()).collect()),
    };
    let mut reader = Reader {
        environment,
        root,
        known: Vec::new(),
    };
    reader.from("key", &from, whose)
}

struct Reader<'a> {
    environment: &'a Environment,
    root: &'a Path,
    /// What was read.
    known: Vec<(SecretFrom, Secret)>,
}

/// Why a secret has no value, and the way out.
struct Without {
    why: String,
    help: String,
}

impl Without {
    fn new(why: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            help: help.into(),
        }
    }
}

impl Reader<'_> {
    /// The secrets of a plan, which is that of a runbook that is called if it has a name here.
    fn all(&mut self, plan: &Plan, called: Option<&str>) -> Result<Vec<Secret>, Error> {
        plan.secrets()
            .iter()
            .map(|declared| self.one(declared, called))
            .collect()
    }

    fn one(&mut self, declared: &Declared, called: Option<&str>) -> Result<Secret, Error> {
        let name = &declared.name;
        let whose = called.map_or_else(
            || format!("secret `{name}`"),
            |runbook| format!("secret `{name}` of runbook `{runbook}`"),
        );
        self.from(name, &declared.from, &whose)
    }

    fn from(&mut self, name: &str, from: &SecretFrom, whose: &str) -> Result<Secret, Error> {
        let known = self.known.iter().find(|(known, _)| known == from);
        if let Some((_, secret)) = known {
            return Ok(Secret::new(name, secret.reveal().to_owned()));
        }
        let read = match from {
            SecretFrom::Env(variable) => self.variable(variable),
            SecretFrom::File(path) => file::read(&self.root.join(path), path),
            SecretFrom::Command(words) => self.printed(words)?,
        };
        let value = read.map_err(|without| {
            let message = format!("{whose} has no value: {}, so nothing ran", without.why);
            Error::usage_with(message, without.help)
        })?;
        let secret = Secret::new(name, value);
        if secret.reveal().len() < MIN_SECRET {
            return Err(Error::usage_with(
                format!(
                    "{whose} is shorter than {MIN_SECRET} characters, so it cannot be masked, so nothing ran"
                ),
                "use a longer one",
            ));
        }
        self.known.push((from.clone(), secret.clone()));
        Ok(secret)
    }

    fn variable(&self, name: &str) -> Result<String, Without> {
        let vars = &self.environment.vars;
        match vars.iter().find(|(known, _)| known == name) {
            Some((_, value)) if !value.is_empty() => match value.to_str() {
                Some(value) => Ok(value.to_owned()),
                None => Err(Without::new(
                    format!("the environment variable `{name}` is not text"),
                    format!("set `{name}` to text in UTF-8"),
                )),
            },
            Some(_) | None => Err(Without::new(
                format!("the environment variable `{name}` is not set"),
                format!("set `{name}`"),
            )),
        }
    }

    /// What a program prints. A signal ends it, and all.
    fn printed(&self, words: &[String]) -> Result<Result<String, Without>, Error> {
        let Some((name, args)) = words.split_first() else {
            let without = Without::new("its `command` is empty", "name a program");
            return Ok(Err(without));
        };
        let program = Program {
            name,
            args,
            environment: self.environment,
            root: self.root,
        };
        let cannot = |error| Error::usage(format!("cannot start: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(cannot)?;
        let printed = runtime.block_on(async {
            let mut signals = signals::listen()?;
            let over = async {
                tokio::select! {
                    signal = signals::to_end(&mut signals) => signal.map_or(Stopped::TooLong, |signal| Stopped::Signal(signal.name)),
                    () = tokio::time::sleep(PATIENCE) => Stopped::TooLong,
                }
            };
            Ok::<_, Error>(program.printed(over).await)
        });
        match printed? {
            Ok(bytes) => Ok(text(bytes).ok_or_else(|| {
                Without::new(
                    format!("what `{name}` prints is not text"),
                    "let it print text in UTF-8",
                )
            })),
            Err(Wrong::Stopped(Stopped::Signal(signal))) => Err(Error::Interrupted { signal }),
            Err(wrong) => Ok(Err(self.told(name, wrong))),
        }
    }

    fn told(&self, name: &str, wrong: Wrong) -> Without {
        const BY_HAND: &str = "run it by hand in the project's root to see why";
        match wrong {
            Wrong::Missing => Without::new(
                format!("there is no program `{name}`"),
                "install it, or give its path: a relative one begins at the project's root",
            ),
            Wrong::Start(error) => Without::new(format!("`{name}` cannot be started: {error}"), BY_HAND),
            Wrong::Stopped(Stopped::TooLong | Stopped::Signal(_)) => Without::new(
                format!(
                    "`{name}` took longer than {} seconds and was killed",
                    PATIENCE.as_secs()
                ),
                "let it print the secret by itself: there is nobody to answer a question",
            ),
            Wrong::Failed { how, said } => {
                let said = said.trim();
                let said = if said.is_empty() {
                    String::new()
                } else {
                    format!(" (it said: {})", runbook_report::visible(&self.masked(said)))
                };
                Without::new(format!("`{name}` {how}{said}"), BY_HAND)
            }
            Wrong::TooMuch => Without::new(
                format!("`{name}` prints more than {} KiB", MOST / 1024),
                "let it print the secret and nothing else",
            ),
            Wrong::Nothing => Without::new(
                format!("`{name}` printed nothing"),
                "let it print the secret on its standard output",
            ),
        }
    }

    /// A text without what is a secret in it as far as that is known.
    fn masked(&self, text: &str) -> String {
        let secrets: Vec<Secret> = self.known.iter().map(|(_, secret)| secret.clone()).collect();
        Masker::new(&secrets).map_or_else(|_| String::new(), |masker| masker.text(text))
    }
}

/// As text, without its last line break.
fn text(bytes: Vec<u8>) -> Option<String> {
    let mut text = String::from_utf8(bytes).ok()?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use runbook_document::Findings;
    use runbook_plan::{Request, compile};
    use tempfile::TempDir;

    use super::*;
    use crate::project::Project;
    use crate::survey::blind_catalogue;

    /// A runbook that uses a secret and calls others.
    fn runbook(name: &str, secrets: &str, calls: &[&str]) -> String {
        let calls: Vec<String> = (calls.iter().enumerate())
            .map(|(at, name)| format!("  - {{id: call{at}, runbook: {{name: {name}}}}}\n"))
            .collect();
        format!(
            "apiVersion: runbook/v1\nname: {name}\nversion: 1.0.0\ntitle: {name}\nsecrets: {{{secrets}}}\nsteps:\n\
             - {{id: own, exec: [x], env: {{T: '{{{{ secrets.token }}}}'}}, effect: read}}\n{}",
            calls.concat()
        )
        .replace("steps:\n- ", "steps:\n  - ")
    }

    fn read_from(runbooks: &[(&str, &str, &[&str])]) -> Result<Vec<String>, String> {
        let folder = TempDir::new().unwrap();
        let below = folder.path().join("runbooks");
        fs::create_dir_all(&below).unwrap();
        for (name, secrets, calls) in runbooks {
            fs::write(below.join(format!("{name}.yaml")), runbook(name, secrets, calls)).unwrap();
        }
        let environment = Environment {
            directory: folder.path().to_owned(),
            ..Environment::snapshot()
        };
        let mut project = Project::find(&environment, None).unwrap_or_else(|error| panic!("{error}"));
        let first = below.join(format!("{}.yaml", runbooks[0].0));
        let loaded = project.load(&first).unwrap_or_else(|error| panic!("{error}"));
        let library = project
            .library_to_run(&loaded)
            .unwrap_or_else(|error| panic!("{error}"));
        let mut findings = Findings::new();
        let request = Request {
            document: loaded.document.as_ref().unwrap(),
            tree: loaded.tree.as_ref(),
            config: &project.config,
            environment: None,
            catalogue: &blind_catalogue(folder.path()),
            library: &library,
            texts: &project.sources.texts,
        };
        let plan = compile(&request, &mut findings);
        let plan = plan.unwrap_or_else(|| panic!("{findings:#?}"));
        let read = read(&plan, &environment, folder.path()).map_err(|error| error.to_string())?;
        let count = fs::read_to_string(folder.path().join("count")).unwrap_or_default();
        let mut told = vec![format!("{} programs", count.lines().count())];
        for (name, secrets) in read {
            for secret in secrets {
                told.push(format!("{name} {} {}", secret.name(), secret.reveal()));
            }
        }
        Ok(told)
    }

    #[test]
    fn each_runbook_that_is_called_has_its_own_secrets_and_what_several_use_is_read_once() {
        let shared = "token: {command: [sh, -c, 'echo x >> count; echo shared']}";
        let told = read_from(&[
            ("first", shared, &["second", "third"]),
            ("second", "token: {command: [echo, other]}", &["third"]),
            ("third", shared, &[]),
            ("unused", "token: {command: [sh, -c, 'echo x >> count']}", &[]),
        ]);
        let expected = [
            "1 programs",
            "first token shared",
            "second token other",
            "third token shared",
        ];
        assert_eq!(told.unwrap(), expected);
    }

    #[test]
    fn whose_secret_has_no_value_is_told() {
        let told = read_from(&[
            ("first", "token: {command: [echo, some]}", &["second"]),
            ("second", "token: {command: ['false']}", &[]),
        ]);
        let expected =
            "secret `token` of runbook `second` has no value: `false` ended with exit code 1, so nothing ran";
        assert_eq!(told.unwrap_err(), expected);
    }
}
