//! Checks: the same keys wherever something is asked, and what is particular to guards and tables of checks.

use runbook_schema::{Field, Object, Shape};

use super::{CONDITIONS, ENV, WAIVE};

const ID: Field = Field::optional("id", Shape::Slug, "A short name.");
const TITLE: Field = Field::optional("title", Shape::Literal, "What it asks, in a few words.");
const TARGET: Field = Field::optional(
    "target",
    Shape::Slug,
    "The connection that its action goes through.",
);
const WITH: Field = Field::optional(
    "with",
    Shape::Any,
    "The parameters of the plugin that `uses` names.",
);
const EXPECT: Field = Field::optional(
    "expect",
    CONDITIONS,
    "What must hold. Without it: that the action succeeds.",
);
const EACH: Field = Field::optional(
    "each",
    Shape::Expression,
    "A list: `expect` must hold for every `item` of it.",
);
const VALUE: Field = Field::optional(
    "value",
    Shape::Expression,
    "The number to draw; `value` in `expect`.",
);
const EVERY: Field = Field::optional("every", Shape::Duration, "The time between readings (2s).");
const WITHIN: Field = Field::optional("within", Shape::Duration, "How long it may take until it passes.");
const CONSECUTIVE: Field = Field::optional(
    "consecutive",
    Shape::POSITIVE,
    "How many readings in a row must pass (1).",
);
const TIMEOUT: Field = Field::optional("timeout", Shape::Duration, "How long one reading may take (30s).");
const CAPTURE: Field = Field::optional(
    "capture",
    super::policy::CAPTURES,
    "Names for values of the result.",
);

/// A check. Its further key is its action.
pub static CHECK: Object = Object {
    name: "check",
    open: true,
    fields: &[
        ID,
        TITLE,
        TARGET,
        EXPECT,
        EACH,
        VALUE,
        EVERY,
        WITHIN,
        CONSECUTIVE,
        Field::optional(
            "baseline",
            Shape::Boolean,
            "Whether a final check is also read before the first step (true).",
        ),
        TIMEOUT,
        CAPTURE,
        ENV,
        WITH,
        WAIVE,
    ],
};

/// A check that must stay true while the run changes things. Its further key is its action.
pub static GUARD: Object = Object {
    name: "guard",
    open: true,
    fields: &[
        ID,
        TITLE,
        TARGET,
        EXPECT,
        EACH,
        VALUE,
        EVERY,
        Field::optional(
            "fails",
            Shape::POSITIVE,
            "How many bad readings in a row stop the run (1).",
        ),
        TIMEOUT,
        ENV,
        WITH,
        WAIVE,
    ],
};

/// A check of the action `checks`, with two degrees. Its further key is its action.
pub static RATED_CHECK: Object = Object {
    name: "check",
    open: true,
    fields: &[
        ID,
        TITLE,
        TARGET,
        EACH,
        VALUE,
        Field::optional(
            "warn",
            CONDITIONS,
            "What is worth a warning when it holds; `value`, and with `each` also `item`.",
        ),
        Field::optional(
            "fail",
            CONDITIONS,
            "What is bad when it holds. Without it: that the action fails.",
        ),
        TIMEOUT,
        CAPTURE,
        ENV,
        WITH,
        WAIVE,
    ],
};
