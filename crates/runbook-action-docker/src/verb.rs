//! The verbs: what each takes, what it does, and how that is undone.

use runbook_action::{Need, Undoing, Verb};

const BY_AUTHOR: Undoing = Undoing::ByAuthor;
const AUTOMATIC: Undoing = Undoing::Automatic;
const NEEDLESS: Undoing = Undoing::Needless;

/// The verbs of `docker`.
pub(crate) static DOCKER: &[Verb] = &[
    Verb::reads("ps", &["name", "labels", "status"]),
    Verb::reads("inspect", &["type"]),
    Verb::reads("wait_healthy", &[]),
    Verb::reads("logs", &["tail", "since", "timestamps"]),
    Verb::reads("stats", &[]),
    Verb::reads("events", &["since", "type"]),
    Verb::changes("start", &[], AUTOMATIC),
    Verb::changes("stop", &["grace"], AUTOMATIC),
    Verb::changes("restart", &["grace"], NEEDLESS),
    // What the program in it does, only the author knows.
    Verb::changes(
        "run",
        &[
            "name",
            "labels",
            "argv",
            "entrypoint",
            "stdin",
            "user",
            "workdir",
            "env",
            "ports",
            "mounts",
            "network",
            "memory",
            "cpus",
            "pids",
            "restart_policy",
            "pull_policy",
            "detach",
            "keep",
            "ok_exit_codes",
        ],
        BY_AUTHOR,
    )
    .uncertain(),
    Verb::changes(
        "exec",
        &["argv", "stdin", "user", "workdir", "env", "ok_exit_codes"],
        BY_AUTHOR,
    )
    .needing(&[Need::Key("argv")])
    .uncertain(),
    Verb::changes("update", &["memory", "cpus", "pids", "restart_policy"], AUTOMATIC)
        .needing(&[Need::Any(&["memory", "cpus", "pids", "restart_policy"])]),
    // The image that had the name before is still there.
    Verb::changes("pull", &[], AUTOMATIC),
    Verb::changes("cp", &["path", "to", "from"], BY_AUTHOR)
        .needing(&[Need::Key("path"), Need::One(&["to", "from"])]),
    Verb::destroys("kill", &["signal"]),
    Verb::destroys("rm", &["force", "volumes"]),
    Verb::destroys("prune", &["all", "older_than", "labels"]),
];

/// The verbs of `compose`.
pub(crate) static COMPOSE: &[Verb] = &[
    Verb::reads("ps", &[]),
    Verb::reads("logs", &["tail", "since", "timestamps"]),
    // The images and the numbers that there were before are kept.
    Verb::changes(
        "up",
        &[
            "force_recreate",
            "dependencies",
            "with_build",
            "remove_orphans",
            "pull_policy",
            "grace",
        ],
        AUTOMATIC,
    ),
    Verb::changes("start", &[], AUTOMATIC),
    Verb::changes("stop", &["grace"], AUTOMATIC),
    Verb::changes("restart", &["dependencies", "grace"], NEEDLESS),
    Verb::changes("scale", &["dependencies"], AUTOMATIC),
    // Which images the files name, only the program of compose knows, and not every version of it tells. What runs keeps
    // its image until `up`, which is undone.
    Verb::changes("pull", &["dependencies"], BY_AUTHOR),
    Verb::changes("build", &["no_cache", "build_args"], BY_AUTHOR),
    Verb::changes(
        "exec",
        &[
            "index",
            "argv",
            "stdin",
            "user",
            "workdir",
            "env",
            "ok_exit_codes",
        ],
        BY_AUTHOR,
    )
    .needing(&[Need::Key("argv")])
    .uncertain(),
    Verb::changes(
        "down",
        &["volumes", "images", "remove_orphans", "grace"],
        BY_AUTHOR,
    ),
];
