//! What a crash left running elsewhere: ended, or waited for.
//!
//! The shell there ends what it runs as soon as it hears nothing more from here, so there is seldom anything left.

use runbook_action::{Call, Command, End, ErrorKind, Failure, Handle, Settled, Transport};
use serde_json::{Value, json};

/// The variables that tell one attempt from all others.
const ATTEMPT: [&str; 3] = ["RUNBOOK_RUN", "RUNBOOK_STEP", "RUNBOOK_ATTEMPT"];

/// Ends the group `$1` if its leader started at `$2` in the life of the machine that began with `$3`, and says so.
const END: &str = r#"
read -r boot </proc/sys/kernel/random/boot_id 2>/dev/null || exit 0
[ "$boot" = "$3" ] || exit 0
read -r stat </proc/"$1"/stat 2>/dev/null || exit 0
stat=${stat##*") "}
[ "$(echo "$stat" | cut -d " " -f 20)" = "$2" ] || exit 0
case $stat in Z*|X*) exit 0;; esac
kill -s TERM -- "-$1"
i=0
while kill -s 0 -- "-$1" 2>/dev/null && [ "$i" -lt 50 ]; do sleep 0.1; i=$((i + 1)); done
kill -s KILL -- "-$1" 2>/dev/null
echo ended
"#;

/// Waits for all that carry the variables `$1` to `$3`, and says whether there were any.
const AWAIT: &str = r#"
found() {
    for f in /proc/[0-9]*/environ; do
        v=$(tr "\0" "\n" <"$f" 2>/dev/null) || continue
        for w in "$@"; do printf "%s\n" "$v" | grep -qxF -- "$w" || continue 2; done
        return 0
    done
    return 1
}
found "$@" || exit 0
while found "$@"; do sleep 0.2; done
echo finished
"#;

/// What tells a group of processes from every other: its number, when its leader started, in the life of the machine
/// that began with which boot. Nothing where that place does not say.
#[must_use]
pub fn identity(group: u32, started: &str, boot: &str) -> Option<Value> {
    let is_told = !boot.is_empty() && !started.is_empty();
    is_told.then(|| json!({ "pgid": group, "start_time": started, "boot_id": boot }))
}

/// Sees to it that nothing of the attempt runs any more in this place, where `handles`, each with an [`identity`],
/// have been recorded.
pub async fn settle(place: &dyn Transport, call: Call<'_>, handles: &[&Handle]) -> Result<Settled, Failure> {
    let mut settled = Settled::Nothing;
    for handle in handles {
        let text = |key: &str| {
            handle
                .data
                .get(key)
                .and_then(|value| value.as_str())
                .unwrap_or_default()
        };
        let group = handle
            .data
            .get("pgid")
            .and_then(Value::as_u64)
            .unwrap_or_default();
        // A group of number 0 or 1 would be something else altogether.
        if group < 2 {
            continue;
        }
        let argv = [
            "sh",
            "-c",
            END,
            "sh",
            &group.to_string(),
            text("start_time"),
            text("boot_id"),
        ];
        if ask(place, call, argv).await? == "ended" {
            settled = Settled::Ended;
        }
    }
    let variable = |name: &&str| Some(format!("{name}={}", call.env.get(*name)?.reveal()));
    let Some(variables) = ATTEMPT.iter().map(variable).collect::<Option<Vec<_>>>() else {
        return Ok(settled);
    };
    let argv = ["sh", "-c", AWAIT, "sh"]
        .map(str::to_owned)
        .into_iter()
        .chain(variables);
    if ask(place, call, argv).await? == "finished" && settled == Settled::Nothing {
        settled = Settled::Finished;
    }
    Ok(settled)
}

async fn ask<S: Into<String>>(
    place: &dyn Transport,
    call: Call<'_>,
    argv: impl IntoIterator<Item = S>,
) -> Result<String, Failure> {
    let command = Command::new(argv);
    let ended = tokio::select! {
        biased;
        ended = place.output(&command, 1024) => ended.map_err(|failure| call.mask_failure(failure))?,
        () = call.host.cancelled() => {
            let late = call.host.remaining().is_some_and(|left| left.is_zero());
            let kind = if late { ErrorKind::Timeout } else { ErrorKind::Cancelled };
            return Err(Failure::new(
                kind,
                format!("something of the interrupted attempt is still running on {}", place.place()),
            )
            .help("wait until it has ended, or end it, and resume the run again")
            .maybe_applied());
        }
    };
    if ended.end != End::Code(0) {
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        return Err(Failure::new(
            ErrorKind::Other,
            format!(
                "it cannot be known whether something still runs on {}: {}",
                place.place(),
                call.mask(&one_line(&said))
            ),
        )
        .maybe_applied());
    }
    Ok(String::from_utf8_lossy(&ended.stdout).trim().to_owned())
}

/// One line for people, without control characters.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words
        .join(" ")
        .chars()
        .filter(|c| !c.is_control())
        .take(400)
        .collect()
}
