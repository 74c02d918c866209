//! The verbs: what each takes, what it does, and how that is undone.

use runbook_action::{Need, Undoing, Verb};

/// How the value of a verb names objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// One object: `deployment/web`.
    One,
    /// One that has a history of rollouts.
    Rollout,
    /// One object, or all of a kind.
    OneOrKind,
    /// All of a kind.
    Kind,
    /// One object, or some of a kind: all of them only if the author says so.
    OneOrSome,
    /// The same, of those that have a history of rollouts.
    RolloutOrSome,
    /// Pods or nodes.
    PodsOrNodes,
    /// One object, a kind, or `all`.
    Anything,
    /// A node, by its name alone.
    Node,
    /// Manifests.
    Manifests,
    /// One object, some of a kind, or a file of manifests.
    OneSomeOrFile,
}

use About::{
    Anything, Kind, Manifests, Node, One, OneOrKind, OneOrSome, OneSomeOrFile, PodsOrNodes, Rollout,
    RolloutOrSome,
};

const BY_AUTHOR: Undoing = Undoing::ByAuthor;
const AUTOMATIC: Undoing = Undoing::Automatic;
const NEEDLESS: Undoing = Undoing::Needless;

/// All verbs.
pub(crate) static VERBS: &[Verb] =
    &[
        Verb::reads(
            "get",
            &[
                "namespace",
                "all_namespaces",
                "selector",
                "field_selector",
                "limit",
                "missing_ok",
            ],
        ),
        Verb::reads(
            "list",
            &[
                "namespace",
                "all_namespaces",
                "selector",
                "field_selector",
                "limit",
            ],
        ),
        Verb::reads("wait", &["for", "namespace", "selector", "field_selector", "all"])
            .needing(&[Need::Key("for")]),
        Verb::reads(
            "events",
            &["namespace", "all_namespaces", "since", "type", "limit"],
        ),
        Verb::reads(
            "logs",
            &[
                "namespace",
                "selector",
                "container",
                "all_containers",
                "tail",
                "since",
                "previous",
                "timestamps",
            ],
        ),
        Verb::reads("top", &["namespace", "all_namespaces", "selector", "containers"]),
        Verb::reads("rollout_status", &["namespace", "revision"]),
        Verb::reads("rollout_history", &["namespace", "revision"]),
        Verb::reads("port_forward", &["namespace", "port", "local_port"]).needing(&[Need::Key("port")]),
        Verb::changes(
            "exec",
            &["namespace", "container", "argv", "stdin", "ok_exit_codes"],
            BY_AUTHOR,
        )
        .needing(&[Need::Key("argv")])
        .uncertain(),
        Verb::changes("cp", &["namespace", "container", "path", "to", "from"], BY_AUTHOR)
            .needing(&[Need::Key("path"), Need::One(&["to", "from"])]),
        Verb::changes("scale", &["namespace", "replicas", "current_replicas"], AUTOMATIC)
            .needing(&[Need::Key("replicas")]),
        Verb::changes("restart", &["namespace", "selector", "all"], NEEDLESS),
        Verb::changes("undo", &["namespace", "to_revision"], BY_AUTHOR),
        Verb::changes("set_image", &["namespace", "container", "image"], AUTOMATIC)
            .needing(&[Need::Key("image")]),
        Verb::changes("set_env", &["namespace", "container", "env", "unset"], AUTOMATIC)
            .needing(&[Need::Any(&["env", "unset"])]),
        Verb::changes(
            "set_resources",
            &["namespace", "container", "requests", "limits"],
            AUTOMATIC,
        )
        .needing(&[Need::Any(&["requests", "limits"])]),
        Verb::changes("patch", &["namespace", "merge", "strategic", "json"], AUTOMATIC)
            .needing(&[Need::One(&["merge", "strategic", "json"])]),
        Verb::changes("apply", &["namespace", "force_conflicts"], AUTOMATIC),
        Verb::changes("cordon", &[], AUTOMATIC),
        Verb::changes("uncordon", &[], AUTOMATIC),
        // Whether it can be undone depends on the kind.
        Verb::destroys(
            "delete",
            &[
                "namespace",
                "selector",
                "field_selector",
                "all",
                "grace",
                "cascade",
                "missing_ok",
            ],
        ),
        Verb::destroys("drain", &["grace", "force", "delete_emptydir", "pod_selector"]),
    ];

/// How the value of this verb names objects.
pub(crate) fn about(verb: &Verb) -> About {
    match verb.key {
        "get" => OneOrKind,
        "list" => Kind,
        "wait" | "logs" => OneOrSome,
        "events" => Anything,
        "top" => PodsOrNodes,
        "rollout_status" | "rollout_history" | "undo" => Rollout,
        "restart" => RolloutOrSome,
        "apply" => Manifests,
        "cordon" | "uncordon" | "drain" => Node,
        "delete" => OneSomeOrFile,
        _ => One,
    }
}
