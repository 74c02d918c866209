//! The action `exec`: a program with arguments, without a shell.

use runbook_action::{
    Action, Args, Call, Effect, Failure, Handle, Kind, Lack, Output, Param, Recognised, Segment, Settled,
    Spec, Text, Undoing, async_trait,
};

use crate::Environment;
use crate::launch::{self, Launch, Options};
use crate::local::Local;
use crate::output::one_line;
use crate::spec;

/// The action `exec`: a program with arguments, without a shell.
#[derive(Debug)]
pub struct Exec {
    here: Local,
}

impl Exec {
    /// Programs will find this environment.
    #[must_use]
    pub const fn new(environment: Environment) -> Self {
        Self {
            here: Local::new(environment),
        }
    }
}

impl Kind for Exec {
    fn spec(&self) -> &'static Spec {
        &spec::EXEC
    }

    fn recognise(&self, params: &Param) -> Result<Recognised, Failure> {
        let args = Args::new(params);
        spec::is_sound(&args)?;
        let words: Vec<String> = launch::argv(&list_of(&args)?)?
            .iter()
            .map(|(_, text)| quoted(text))
            .collect();
        Ok(Recognised {
            effect: Effect::Change,
            certain: false,
            summary: one_line(&words.join(" ")),
            undoing: Undoing::ByAuthor,
        })
    }
}

#[async_trait]
impl Action for Exec {
    fn lacks(&self, params: &Param, connection: Option<(&str, &Param)>) -> Vec<Lack> {
        spec::lacks(params, connection)
    }

    async fn run(&self, call: Call<'_>) -> Result<Output, Failure> {
        let args = Args::new(call.params);
        let list = list_of(&args)?;
        let options = match call.params {
            Param::Map(_) => Options::read(&args)?,
            Param::Null | Param::Bool(_) | Param::Number(_) | Param::Text(_) | Param::List(_) => {
                Options::default()
            }
        };
        let items = launch::argv(&list)?;
        let named_by = items.first().map(|(path, _)| path.clone());
        let mut words = Vec::with_capacity(items.len());
        for (path, text) in &items {
            words.push(launch::plain(&list, text).map_err(|failure| failure.about(path.clone()))?);
        }
        let launch = Launch {
            argv: words,
            named_by,
            options,
        };
        crate::run::run(call.place(&self.here)?, launch, call).await
    }

    async fn settle(&self, call: Call<'_>, handles: &[Handle]) -> Result<Settled, Failure> {
        call.place(&self.here)?.settle(call, handles).await
    }
}

/// The list of arguments in either form.
fn list_of<'a>(args: &Args<'a>) -> Result<Args<'a>, Failure> {
    match args.param() {
        Param::List(_) => Ok(args.clone()),
        Param::Map(_) => args.require("argv"),
        Param::Null | Param::Bool(_) | Param::Number(_) | Param::Text(_) => Err(args.wrong(format!(
            "expected a list of arguments, found {}",
            args.param().noun()
        ))),
    }
}

/// An argument as one would type it. Only for reading: nothing is ever parsed back from it.
fn quoted(text: &Text) -> String {
    let shown = text.to_string();
    let plain = |text: &str| {
        text.chars()
            .all(|c| c.is_alphanumeric() || "-_=+./:,@%^".contains(c))
    };
    let is_plain = text.segments().iter().all(|segment| match segment {
        Segment::Literal(text) | Segment::Value(text) => plain(text),
        Segment::Secret(_) | Segment::Unknown(_) => true,
    });
    if is_plain && !shown.is_empty() {
        shown
    } else {
        format!("'{}'", shown.replace('\'', r"'\''"))
    }
}
