//! Steps, and the places that hold something like a step.

use runbook_schema::{Field, Object, Shape};

use super::checks::CHECK;
use super::policy::{APPROVE, CAPTURES, FOR_EACH, REPEAT, RETRY, STEP_ESCALATION};
use super::{EFFECTS, ENV, PHASES, WAIVE};

const RETRIES: Field = Field::optional(
    "retry",
    Shape::Object(&RETRY),
    "Further attempts after a failure.",
);
const TARGET: Field = Field::optional(
    "target",
    Shape::Slug,
    "The connection that its action goes through.",
);
const TIMEOUT: Field = Field::optional("timeout", Shape::Duration, "How long an attempt may take (1m).");
const CHECKS: Shape = Shape::List(&Shape::Object(&CHECK));
const IDEMPOTENT: Field = Field::optional(
    "idempotent",
    Shape::Boolean,
    "Whether it is harmless to run twice: it may be retried, and run again when a run is resumed (false).",
);
const WITH: Field = Field::optional(
    "with",
    Shape::Any,
    "The parameters of the plugin that `uses` names.",
);
const USES_CONNECTIONS: Field = Field::optional(
    "uses_connections",
    Shape::List(&Shape::Slug),
    "Connections that a program gets as the usual tools read them (`KUBECONFIG`, `PGHOST` …).",
);

/// The keys that every kind of step has, after those of its own.
macro_rules! step_fields {
    ($($own:expr),+ $(,)?) => {
        &[
            $($own,)+
            Field::optional("title", Shape::Literal, "What it does, in a few words."),
            Field::optional("description", Shape::Literal, "Why, and what to know."),
            Field::optional("phase", Shape::Choice(PHASES), "The incident phase that it belongs to."),
            Field::optional(
                "needs",
                Shape::List(&Shape::Slug),
                "The steps that it waits for. Without it: all above. `[]`: none.",
            ),
            Field::optional("when", Shape::Expression, "It is skipped unless this holds."),
            TARGET,
            Field::optional("effect", Shape::Choice(EFFECTS), "What it does to the world."),
            Field::optional("before", Shape::Object(&BEFORE), "A read before the action, kept for the undo."),
            Field::optional(
                "rollback",
                Shape::OneOf(&[
                    Shape::Object(&ROLLBACK),
                    Shape::List(&Shape::Object(&UNDO_STEP)),
                    Shape::Choice(&["auto", "not_needed"]),
                ]),
                "What undoes it: an action, a list of steps, `auto` or `not_needed`.",
            ),
            Field::optional("irreversible", Shape::Literal, "What is lost for good."),
            Field::optional(
                "then",
                Shape::OneOf(&[Shape::Object(&THEN), Shape::List(&Shape::Object(&THEN))]),
                "What makes the change take effect: runs after the action, and again after its undo.",
            ),
            Field::optional("require", CHECKS, "What must hold before."),
            Field::optional("verify", CHECKS, "What proves that it worked."),
            Field::optional(
                "approve",
                Shape::OneOf(&[Shape::Boolean, Shape::Object(&APPROVE)]),
                "A person says yes first.",
            ),
            Field::optional("capture", CAPTURES, "Names for values of the result: `steps.ID.NAME`."),
            Field::optional(
                "save",
                Shape::Map(&Shape::Template),
                "Files that get a value of the result, such as `{stdout: PATH}`.",
            ),
            IDEMPOTENT,
            Field::optional(
                "verify_decides",
                Shape::Boolean,
                "Whether its `verify` tells for certain if the action happened, so that a resumed run can ask it (false).",
            ),
            TIMEOUT,
            RETRIES,
            Field::optional(
                "on_failure",
                Shape::Choice(&["rollback", "hold", "continue"]),
                "What its failure does. `continue`: it is noted, and the run goes on.",
            ),
            Field::optional(
                "may_fail",
                Shape::Boolean,
                "On a read: a failure is its answer (`ok`, `error.kind` in `capture`), and not the step's (false).",
            ),
            Field::optional(
                "escalate",
                Shape::Object(&STEP_ESCALATION),
                "Who hears of it if it takes too long.",
            ),
            ENV,
            USES_CONNECTIONS,
            WITH,
            Field::optional("steps", Shape::List(&Shape::Object(&STEP)), "Steps that belong together."),
            Field::optional(
                "for_each",
                Shape::Object(&FOR_EACH),
                "With `steps`: once for each item of a list.",
            ),
            Field::optional(
                "repeat",
                Shape::Object(&REPEAT),
                "With `steps`: again and again until something holds.",
            ),
            Field::optional(
                "choose",
                Shape::List(&Shape::Object(&BRANCH)),
                "The first branch whose `when` holds.",
            ),
            Field::optional(
                "first_of",
                Shape::List(&Shape::Object(&ALTERNATIVE)),
                "One after the other, until `verify` passes.",
            ),
            WAIVE,
        ]
    };
}

const OPTIONAL_ID: Field = Field::optional(
    "id",
    Shape::Slug,
    "A short name, unique in the runbook; its place unless given.",
);

/// A step. Its further key is its action.
pub static STEP: Object = Object {
    name: "step",
    open: true,
    fields: step_fields![Field::required(
        "id",
        Shape::Slug,
        "A short name, unique in the runbook."
    )],
};

/// A branch of `choose`. Its further key is its action.
pub static BRANCH: Object = Object {
    name: "branch",
    open: true,
    fields: step_fields![
        OPTIONAL_ID,
        Field::optional(
            "else",
            Shape::Choice(&["true"]),
            "`true`: the branch for all other cases."
        ),
    ],
};

/// An alternative of `first_of`. Its further key is its action.
pub static ALTERNATIVE: Object = Object {
    name: "alternative",
    open: true,
    fields: step_fields![
        OPTIONAL_ID,
        Field::optional(
            "within",
            Shape::Duration,
            "How long `verify` may take to pass before the next one is tried."
        ),
    ],
};

/// A step of a rollback that takes several. Its further key is its action.
pub static UNDO_STEP: Object = Object {
    name: "undo step",
    open: true,
    fields: step_fields![OPTIONAL_ID],
};

/// What `before` may have beside its action.
pub static BEFORE: Object = Object {
    name: "before",
    open: true,
    fields: &[
        TARGET,
        ENV,
        Field::optional(
            "timeout",
            Shape::Duration,
            "How long it may take; else as long as the step's action.",
        ),
        Field::required("capture", CAPTURES, "Names for values of the result."),
        WITH,
    ],
};

/// What a rollback may have beside its action.
pub static ROLLBACK: Object = Object {
    name: "rollback",
    open: true,
    fields: &[
        Field::optional(
            "target",
            Shape::Slug,
            "The connection that it goes through; else the step's.",
        ),
        Field::optional(
            "timeout",
            Shape::Duration,
            "How long it may take; else the step's.",
        ),
        Field::optional(
            "env",
            Shape::Map(&Shape::Template),
            "Environment variables; else the step's.",
        ),
        RETRIES,
        IDEMPOTENT,
        Field::optional("verify", CHECKS, "What proves that it is undone."),
        USES_CONNECTIONS,
        WITH,
    ],
};

/// What an action that makes a change take effect may have beside it.
pub static THEN: Object = Object {
    name: "`then`",
    open: true,
    fields: &[
        Field::optional(
            "target",
            Shape::Slug,
            "The connection that it goes through; else the step's.",
        ),
        Field::optional(
            "timeout",
            Shape::Duration,
            "How long it may take; else the step's.",
        ),
        Field::optional(
            "env",
            Shape::Map(&Shape::Template),
            "Environment variables; else the step's.",
        ),
        RETRIES,
        USES_CONNECTIONS,
        WITH,
    ],
};
