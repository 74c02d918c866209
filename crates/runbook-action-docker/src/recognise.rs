//! What a use of one of the actions would do.

use runbook_action::{Args, Chosen, Effect, Failure, Param, Recognised, Segment, Text, Undoing, Verb};

use crate::docker::PRUNED;
use crate::verb::{COMPOSE, DOCKER};

/// Signals that end a program. What another one does is the program's own affair.
const ENDS: &[&str] = &["KILL", "TERM", "INT", "QUIT", "ABRT"];

/// Verbs of `docker` whose value names images.
const OF_IMAGES: &[&str] = &["run", "pull"];

/// What `docker` would do.
pub(crate) fn docker(params: &Param) -> Result<Recognised, Failure> {
    let args = Args::new(params);
    let chosen = Verb::chosen(DOCKER, &args)?;
    let value = &chosen.value;
    let about = match chosen.verb.key {
        "ps" => one_of(value, &["running", "all"])?.to_owned(),
        "prune" => pruned(value)?,
        key if OF_IMAGES.contains(&key) => {
            is_image(value, &value.text()?)?;
            value.text()?.to_string()
        }
        "inspect"
            if chosen
                .get("type")
                .is_some_and(|kind| kind.literal() == Ok("image")) =>
        {
            is_image(value, &value.text()?)?;
            value.text()?.to_string()
        }
        "logs" | "inspect" | "exec" | "cp" => {
            is_name(value, &value.text()?)?;
            value.text()?.to_string()
        }
        _ => names(value)?,
    };
    has_program(&chosen)?;
    let mut recognised = chosen.recognised(&about);
    if let Some(signal) = chosen.get("signal") {
        recognised.certain = ENDS.contains(&signal_of(&signal)?.as_str());
    }
    // Whether it matters what was in a file of one's own, only the author knows.
    if chosen.verb.key == "cp" && chosen.get("to").is_some() {
        recognised.certain = false;
    }
    Ok(recognised)
}

/// What `compose` would do.
pub(crate) fn compose(params: &Param) -> Result<Recognised, Failure> {
    let args = Args::new(params);
    let chosen = Verb::chosen(COMPOSE, &args)?;
    let value = &chosen.value;
    let about = match chosen.verb.key {
        "scale" => scaled(value)?,
        "exec" => {
            is_name(value, &value.text()?)?;
            value.text()?.to_string()
        }
        _ => names(value)?,
    };
    has_program(&chosen)?;
    let mut recognised = chosen.recognised(&about);
    // What is not plainly off is on: an effect is never taken for less than it may be.
    let may_be_on = |key| {
        chosen
            .get(key)
            .is_some_and(|switch| *switch.param() != Param::Bool(false))
    };
    let removes = ["volumes", "remove_orphans", "images"].into_iter().any(may_be_on);
    if removes {
        recognised.effect = Effect::Destructive;
        recognised.undoing = Undoing::ByAuthor;
    }
    Ok(recognised)
}

fn has_program(chosen: &Chosen<'_>) -> Result<(), Failure> {
    for key in ["argv", "entrypoint"] {
        if let Some(argv) = chosen.get(key)
            && argv.items()?.is_empty()
        {
            return Err(argv.wrong("names no program"));
        }
    }
    Ok(())
}

/// One name or a list of them, for people.
fn names(value: &Args<'_>) -> Result<String, Failure> {
    if !matches!(value.param(), Param::List(_)) {
        is_name(value, &value.text()?)?;
        return Ok(value.text()?.to_string());
    }
    let items = value.items()?;
    if items.is_empty() {
        return Err(value.wrong("names nothing"));
    }
    let mut shown = Vec::with_capacity(items.len());
    for item in &items {
        let text = item.text()?;
        is_name(item, &text)?;
        shown.push(text.to_string());
    }
    Ok(shown.join(" "))
}

/// Whether this can be the name of a container, a service, a volume or a network, as far as it is known.
fn is_name(args: &Args<'_>, name: &Text) -> Result<(), Failure> {
    let known = known(name);
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    if !known.chars().all(inside) {
        return Err(args.wrong("holds a character that no name has"));
    }
    if name.is_unknown() {
        return Ok(());
    }
    match known.chars().next() {
        None => Err(args.wrong("names nothing")),
        Some(first) if !first.is_ascii_alphanumeric() => {
            Err(args.wrong("begins with a character that no name begins with"))
        }
        Some(_) => Ok(()),
    }
}

/// Whether this can name an image, as far as it is known.
fn is_image(args: &Args<'_>, image: &Text) -> Result<(), Failure> {
    let known = known(image);
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | ':' | '@');
    if !known.chars().all(inside) {
        return Err(args.wrong("holds a character that no image has in its name"));
    }
    if image.is_unknown() || known.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Ok(());
    }
    Err(args.wrong("names no image"))
}

fn known(text: &Text) -> String {
    let part = |segment: &Segment| match segment {
        Segment::Literal(text) | Segment::Value(text) => text.clone(),
        Segment::Secret(secret) => secret.reveal().to_owned(),
        Segment::Unknown(_) => String::new(),
    };
    text.segments().iter().map(part).collect()
}

fn scaled(value: &Args<'_>) -> Result<String, Failure> {
    let entries = value.entries()?;
    if entries.is_empty() {
        return Err(value.wrong("names no service"));
    }
    let mut shown = Vec::with_capacity(entries.len());
    for (service, replicas) in entries {
        is_name(&replicas, &Text::literal(service))?;
        // A number that is not known yet is a text until then.
        if !matches!(replicas.param(), Param::Text(text) if text.is_unknown()) {
            let count = replicas.integer()?;
            if count < 0 {
                return Err(replicas.wrong("expected a whole number of at least 0"));
            }
        }
        shown.push(format!("{service}={}", replicas.text()?));
    }
    Ok(shown.join(" "))
}

fn pruned(value: &Args<'_>) -> Result<String, Failure> {
    if !matches!(value.param(), Param::List(_)) {
        return one_of(value, PRUNED).map(str::to_owned);
    }
    let items = value.items()?;
    if items.is_empty() {
        return Err(value.wrong("names nothing"));
    }
    let words: Result<Vec<&str>, Failure> = items.iter().map(|item| one_of(item, PRUNED)).collect();
    Ok(words?.join(" "))
}

/// A word that the author wrote, of those that there are.
fn one_of<'a>(args: &Args<'a>, words: &[&str]) -> Result<&'a str, Failure> {
    let word = args.literal()?;
    if words.contains(&word) {
        return Ok(word);
    }
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    Err(args.wrong(format!("expected one of {}", words.join(", "))))
}

/// A signal's name without its beginning: `SIGHUP` and `hup` are `HUP`.
fn signal_of(args: &Args<'_>) -> Result<String, Failure> {
    let name = args.literal()?.to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name).to_owned();
    let is_a_name =
        name.starts_with(|c: char| c.is_ascii_uppercase()) && name.chars().all(|c| c.is_ascii_alphanumeric());
    if is_a_name {
        return Ok(name);
    }
    Err(args
        .wrong("is not the name of a signal")
        .help("write `HUP`, `TERM`, `USR1`"))
}
