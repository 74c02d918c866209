//! Parameters as verbs need them.

use std::time::Duration;

use runbook_action::schema::duration::parse_duration;
use runbook_action::{Args, Chosen, Failure, Param};

/// A name with the path of the parameter that gave it.
pub(crate) type Named = (String, String);

/// What a parameter names: one thing, or several.
pub(crate) fn names(value: &Args<'_>) -> Result<Vec<Named>, Failure> {
    if !matches!(value.param(), Param::List(_)) {
        return Ok(vec![(value.text()?.reveal(), value.path().to_owned())]);
    }
    let items = value.items()?;
    let name = |item: &Args<'_>| Ok((item.text()?.reveal(), item.path().to_owned()));
    items.iter().map(name).collect()
}

/// The arguments in a list; an item that is a list gives several.
pub(crate) fn argv(chosen: &Chosen<'_>, key: &str) -> Result<Option<Vec<String>>, Failure> {
    let Some(list) = chosen.get(key) else {
        return Ok(None);
    };
    let mut argv = Vec::new();
    for item in list.items()? {
        if matches!(item.param(), Param::List(_)) {
            for inner in item.items()? {
                argv.push(inner.text()?.reveal());
            }
        } else {
            argv.push(item.text()?.reveal());
        }
    }
    if argv.is_empty() {
        return Err(list.wrong("names no program"));
    }
    Ok(Some(argv))
}

/// A mapping of texts.
pub(crate) fn map(chosen: &Chosen<'_>, key: &str) -> Result<Vec<(String, String)>, Failure> {
    let Some(map) = chosen.get(key) else {
        return Ok(Vec::new());
    };
    let entries = map.entries()?;
    let entry = |(name, value): &(&str, Args<'_>)| Ok(((*name).to_owned(), value.text()?.reveal()));
    entries.iter().map(entry).collect()
}

/// A list of texts, each with its path.
pub(crate) fn list(chosen: &Chosen<'_>, key: &str) -> Result<Vec<Named>, Failure> {
    chosen.get(key).map_or(Ok(Vec::new()), |list| names(&list))
}

/// A text.
pub(crate) fn text(chosen: &Chosen<'_>, key: &str) -> Result<Option<String>, Failure> {
    chosen.get(key).map(|args| Ok(args.text()?.reveal())).transpose()
}

/// A length of time.
pub(crate) fn duration(chosen: &Chosen<'_>, key: &str) -> Result<Option<Duration>, Failure> {
    let Some(args) = chosen.get(key) else {
        return Ok(None);
    };
    let length = parse_duration(&args.text()?.reveal());
    length.map(Some).ok_or_else(|| {
        args.wrong("is not a length of time")
            .help("write `90s`, `5m`, `1h30m`")
    })
}

/// A grace in whole seconds, as engines count; a part of a second is a whole one.
pub(crate) fn grace(chosen: &Chosen<'_>) -> Result<Option<i32>, Failure> {
    let grace = duration(chosen, "grace")?;
    Ok(grace.map(|grace| {
        let whole = grace.as_secs() + u64::from(grace.subsec_nanos() > 0);
        i32::try_from(whole).unwrap_or(i32::MAX)
    }))
}

/// The exit codes that mean success.
pub(crate) fn exit_codes(chosen: &Chosen<'_>) -> Result<Vec<i64>, Failure> {
    let Some(list) = chosen.get("ok_exit_codes") else {
        return Ok(Vec::new());
    };
    list.items()?.iter().map(Args::integer).collect()
}

/// An amount of memory in bytes: `512Mi`, `1G`, `1073741824`.
pub(crate) fn memory(chosen: &Chosen<'_>) -> Result<Option<i64>, Failure> {
    let Some(args) = chosen.get("memory") else {
        return Ok(None);
    };
    let text = args.text()?.reveal();
    bytes(&text).map(Some).ok_or_else(|| {
        args.wrong("is not an amount of memory")
            .help("write `512Mi` or `1Gi`")
    })
}

fn bytes(text: &str) -> Option<i64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor: i64 = match unit {
        "" | "B" | "b" => 1,
        "k" | "K" => 1000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "Ki" => 1 << 10,
        "Mi" | "m" => 1 << 20,
        "Gi" | "g" => 1 << 30,
        "Ti" => 1 << 40,
        _ => return None,
    };
    if let Ok(whole) = number.parse::<i64>() {
        return whole.checked_mul(factor).filter(|bytes| *bytes > 0);
    }
    let (whole, part) = number.split_once('.')?;
    let digits = u32::try_from(part.len())
        .ok()
        .filter(|digits| (1..=6).contains(digits))?;
    let part = part.parse::<i64>().ok()?.checked_mul(factor)? / 10_i64.pow(digits);
    whole
        .parse::<i64>()
        .ok()?
        .checked_mul(factor)?
        .checked_add(part)
        .filter(|bytes| *bytes > 0)
}

/// Processors in billionths: `1.5` are 1500000000.
pub(crate) fn cpus(chosen: &Chosen<'_>) -> Result<Option<i64>, Failure> {
    let Some(args) = chosen.get("cpus") else {
        return Ok(None);
    };
    let text = args.text()?.reveal();
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let padded = format!("{part:0<9}");
    let nano = (padded.len() == 9)
        .then(|| {
            whole
                .parse::<i64>()
                .ok()?
                .checked_mul(1_000_000_000)?
                .checked_add(padded.parse().ok()?)
        })
        .flatten()
        .filter(|nano| *nano > 0 && !text.contains(['+', '-']));
    nano.map(Some).ok_or_else(|| {
        args.wrong("is not a number of processors")
            .help("write `0.5`, `2`")
    })
}

/// How many processes.
pub(crate) fn pids(chosen: &Chosen<'_>) -> Result<Option<i64>, Failure> {
    integer(chosen, "pids")
}

/// A whole number, which may have come out of a template as a text.
pub(crate) fn integer(chosen: &Chosen<'_>, key: &str) -> Result<Option<i64>, Failure> {
    let Some(args) = chosen.get(key) else {
        return Ok(None);
    };
    let text = args.text()?.reveal();
    let number = text.parse::<i64>().ok().filter(|number| *number >= 0);
    number
        .map(Some)
        .ok_or_else(|| args.wrong("expected a whole number of at least 0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_memory_are_read() {
        for (text, expected) in [
            ("1", Some(1)),
            ("512Mi", Some(512 << 20)),
            ("1.5Gi", Some(3 << 29)),
            ("2G", Some(2_000_000_000)),
            ("64m", Some(64 << 20)),
            ("", None),
            ("0", None),
            ("-1", None),
            ("1.Gi", None),
            ("1 Gi", None),
            ("1X", None),
            ("99999999999Gi", None),
        ] {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}
