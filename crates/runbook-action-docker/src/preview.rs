//! What `docker` would do, found out without doing it.

use std::fmt::Write as _;

use bollard::query_parameters::InspectContainerOptionsBuilder;
use runbook_action::{ErrorKind, Failure, Mark, Preview, PreviewLine};

use crate::asked;
use crate::look;
use crate::verbs::limits::{self, Limits};
use crate::verbs::{Asked, about, prune};
use crate::volumes::Sizes;

/// What the verb would do; nothing where only doing it tells.
pub(crate) async fn preview(asked: Asked<'_>) -> Result<Option<Preview>, Failure> {
    match asked.chosen.verb.key {
        "rm" => removed(asked).await.map(Some),
        "prune" => prune::preview(asked).await,
        "start" => turned(asked, true).await.map(Some),
        "stop" | "kill" => turned(asked, false).await.map(Some),
        "restart" => restarted(asked).await.map(Some),
        "update" => updated(asked).await.map(Some),
        _ => Ok(None),
    }
}

async fn removed(asked: Asked<'_>) -> Result<Preview, Failure> {
    let (mut lines, mut bytes, mut volumes) = (Vec::new(), 0_i64, 0_usize);
    let names = asked::names(&asked.chosen.value)?;
    let sizes = if asked.chosen.is_on("volumes") {
        Sizes::read(asked.engine).await?
    } else {
        Sizes::default()
    };
    for (name, path) in &names {
        let options = InspectContainerOptionsBuilder::new().size(true).build();
        let looked =
            look::patiently(|| asked.engine.docker.inspect_container(name, Some(options.clone()))).await;
        let container = looked.map_err(|error| asked.failed(&error, path))?;
        if look::is_running(&container) && !asked.chosen.is_on("force") {
            let message = format!("container `{name}` is running");
            let failure = Failure::new(ErrorKind::Conflict, message).about(path.clone());
            return Err(failure.help("stop it before, or remove it with `force: true`"));
        }
        let size = container.size_rw.unwrap_or(0);
        bytes = bytes.saturating_add(size);
        let status = look::status(&container);
        lines.push(PreviewLine::new(
            Mark::Removed,
            format!("container {name}, {status} ({size} bytes)"),
        ));
        if !asked.chosen.is_on("volumes") {
            continue;
        }
        for mount in container.mounts.unwrap_or_default() {
            // A volume that nobody has named has a name of 64 digits.
            let anonymous = mount
                .name
                .filter(|name| name.len() == 64 && name.chars().all(|c| c.is_ascii_hexdigit()));
            if let Some(volume) = anonymous {
                volumes += 1;
                bytes = bytes.saturating_add(sizes.of(&volume).unwrap_or(0));
                let at = mount.destination.unwrap_or_default();
                let held = sizes.shown(&volume);
                lines.push(PreviewLine::new(
                    Mark::Removed,
                    format!("volume {volume}, at {at} {held}"),
                ));
            }
        }
    }
    let of_volumes = if asked.chosen.is_on("volumes") {
        let word = if volumes == 1 { "volume" } else { "volumes" };
        format!(", {volumes} {word}")
    } else {
        String::new()
    };
    let word = if names.len() == 1 {
        "container"
    } else {
        "containers"
    };
    Ok(Preview {
        lines,
        ..Preview::new(format!(
            "{} {word}{of_volumes} would go, {bytes} bytes",
            names.len()
        ))
    })
}

async fn turned(asked: Asked<'_>, on: bool) -> Result<Preview, Failure> {
    let mut lines = Vec::new();
    let mut count = 0;
    for (name, path) in asked::names(&asked.chosen.value)? {
        let container = look::inspect(asked.engine, &name).await;
        let container = container.map_err(|failure| about(failure, &path))?;
        let status = look::status(&container);
        if look::is_running(&container) == on {
            lines.push(PreviewLine::new(
                Mark::Same,
                format!("container {name}: {status}"),
            ));
        } else {
            count += 1;
            let after = if on { "running" } else { "exited" };
            lines.push(PreviewLine::new(
                Mark::Removed,
                format!("container {name}: {status}"),
            ));
            lines.push(PreviewLine::new(
                Mark::Added,
                format!("container {name}: {after}"),
            ));
        }
    }
    let word = if count == 1 { "container" } else { "containers" };
    let verb = asked.chosen.verb.key;
    let verb = match verb {
        "start" => "be started",
        "stop" => "be stopped",
        _ => "be sent a signal",
    };
    Ok(Preview {
        lines,
        ..Preview::new(format!("{count} {word} would {verb}"))
    })
}

async fn restarted(asked: Asked<'_>) -> Result<Preview, Failure> {
    let mut lines = Vec::new();
    for (name, path) in asked::names(&asked.chosen.value)? {
        let container = look::inspect(asked.engine, &name).await;
        let container = container.map_err(|failure| about(failure, &path))?;
        let status = look::status(&container);
        lines.push(PreviewLine::new(
            Mark::Note,
            format!("container {name}, {status}, would be down for a moment"),
        ));
    }
    let word = if lines.len() == 1 {
        "container"
    } else {
        "containers"
    };
    Ok(Preview {
        summary: format!("{} {word} would be restarted", lines.len()),
        lines,
        ..Preview::default()
    })
}

async fn updated(asked: Asked<'_>) -> Result<Preview, Failure> {
    let wanted = Limits::read(asked.chosen)?;
    let after = wanted.data(&wanted);
    let (mut before_lines, mut after_lines) = (String::new(), String::new());
    for (name, path) in asked::names(&asked.chosen.value)? {
        let (_, now) = limits::current(asked.engine, &name)
            .await
            .map_err(|failure| about(failure, &path))?;
        let now = now.data(&wanted);
        for (text, data) in [(&mut before_lines, &now), (&mut after_lines, &after)] {
            for (field, value) in data.as_object().into_iter().flatten() {
                let _ = writeln!(text, "{name} {field}: {value}");
            }
        }
    }
    Ok(Preview::of_texts(&before_lines, &after_lines))
}
