//! The action `shell`: a script, run by an interpreter.

use runbook_action::{
    Action, Args, Call, Effect, ErrorKind, Failure, Handle, Kind, Lack, Output, Param, Recognised, Settled,
    Spec, Transport, Undoing, async_trait,
};

use crate::launch::{Launch, Options};
use crate::local::Local;
use crate::output::one_line;
use crate::{Environment, spec};

/// The action `shell`: a script, run by an interpreter.
#[derive(Debug)]
pub struct Shell {
    here: Local,
}

impl Shell {
    /// Scripts will find this environment.
    #[must_use]
    pub const fn new(environment: Environment) -> Self {
        Self {
            here: Local::new(environment),
        }
    }
}

/// What runs the script unless the author says: bash where there is one.
async fn default_interpreter(place: &dyn Transport, call: Call<'_>) -> Result<Vec<String>, Failure> {
    let found = tokio::select! {
        biased;
        found = place.finds("bash") => found.map_err(|failure| call.mask_failure(failure))?,
        () = call.host.cancelled() => {
            return Err(Failure::new(ErrorKind::Cancelled, "was stopped before it began"));
        }
    };
    let shell = if found { "bash" } else { "sh" };
    Ok(with_strict_options(vec![shell.to_owned()]))
}

impl Kind for Shell {
    fn spec(&self) -> &'static Spec {
        &spec::SHELL
    }

    fn recognise(&self, params: &Param) -> Result<Recognised, Failure> {
        let args = Args::new(params);
        let script = script_of(&args)?.literal()?;
        interpreter_of(&args)?;
        spec::is_sound(&args)?;
        let mut lines = script.lines().map(str::trim).filter(|line| !line.is_empty());
        let first = lines.next().unwrap_or_default();
        let summary = one_line(first);
        let more = lines.next().is_some();
        Ok(Recognised {
            effect: Effect::Change,
            certain: false,
            summary: if more { format!("{summary} …") } else { summary },
            undoing: Undoing::ByAuthor,
        })
    }
}

#[async_trait]
impl Action for Shell {
    fn lacks(&self, params: &Param, connection: Option<(&str, &Param)>) -> Vec<Lack> {
        spec::lacks(params, connection)
    }

    async fn run(&self, call: Call<'_>) -> Result<Output, Failure> {
        let args = Args::new(call.params);
        let script = script_of(&args)?;
        let text = script.literal()?;
        if text.contains('\0') {
            return Err(script.wrong("holds a NUL character"));
        }
        let options = match call.params {
            Param::Map(_) => Options::read(&args)?,
            Param::Null | Param::Bool(_) | Param::Number(_) | Param::Text(_) | Param::List(_) => {
                Options::default()
            }
        };
        let given = interpreter_of(&args)?;
        let named_by = given.is_some().then(|| "interpreter".to_owned());
        let place = call.place(&self.here)?;
        let mut words = match given {
            Some(given) => given,
            None => default_interpreter(place, call).await?,
        };
        words.push(code_option(&words).to_owned());
        words.push(text.to_owned());
        let launch = Launch {
            argv: words,
            named_by,
            options,
        };
        crate::run::run(place, launch, call).await
    }

    async fn settle(&self, call: Call<'_>, handles: &[Handle]) -> Result<Settled, Failure> {
        call.place(&self.here)?.settle(call, handles).await
    }
}

/// The script in either form.
fn script_of<'a>(args: &Args<'a>) -> Result<Args<'a>, Failure> {
    let script = match args.param() {
        Param::Map(_) => args.require("run")?,
        Param::Null | Param::Bool(_) | Param::Number(_) | Param::Text(_) | Param::List(_) => args.clone(),
    };
    if script.literal()?.trim().is_empty() {
        return Err(script.wrong("the script is empty"));
    }
    Ok(script)
}

/// The interpreter that the author names, with its options.
fn interpreter_of(args: &Args<'_>) -> Result<Option<Vec<String>>, Failure> {
    let Some(interpreter) = args.get("interpreter") else {
        return Ok(None);
    };
    let words: Vec<String> = match interpreter.param() {
        Param::List(_) => {
            let items = interpreter.items()?;
            let read: Result<Vec<_>, _> = items
                .iter()
                .map(|item| item.literal().map(str::to_owned))
                .collect();
            read?
        }
        Param::Null | Param::Bool(_) | Param::Number(_) | Param::Text(_) | Param::Map(_) => interpreter
            .literal()?
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
    };
    if words.is_empty() || words.iter().any(|word| word.contains('\0')) {
        return Err(interpreter.wrong("names no program"));
    }
    Ok(Some(with_strict_options(words)))
}

/// A shell without options stops at the first error, whether the author named it or not.
fn with_strict_options(mut argv: Vec<String>) -> Vec<String> {
    let options: &[&str] = match (argv.as_slice(), file_name(&argv)) {
        ([_], "bash") => &["-euo", "pipefail"],
        ([_], "sh" | "dash" | "ash") => &["-eu"],
        _ => &[],
    };
    argv.extend(options.iter().map(|&option| option.to_owned()));
    argv
}

/// The option by which an interpreter takes code as an argument.
fn code_option(argv: &[String]) -> &'static str {
    match file_name(argv) {
        "node" | "nodejs" | "perl" | "ruby" | "lua" => "-e",
        "php" => "-r",
        _ => "-c",
    }
}

fn file_name(argv: &[String]) -> &str {
    argv.first()
        .and_then(|program| program.rsplit('/').next())
        .unwrap_or_default()
}
