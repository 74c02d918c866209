//! The stable codes of findings. Each has a page in the book.

/// A stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code {
    /// `RB` and four digits.
    pub id: &'static str,
    /// What it stands for, in a few words.
    pub title: &'static str,
    /// Whether it is a lint: a matter of judgement, whose level a project can set and which can be waived.
    pub lint: bool,
}

macro_rules! codes {
    (@lint) => { false };
    (@lint lint) => { true };
    ($($name:ident = $id:literal, $title:literal $(, $lint:ident)?;)*) => {
        $(
            #[doc = concat!("`", $id, "`: ", $title, ".")]
            pub const $name: Code = Code { id: $id, title: $title, lint: codes!(@lint $($lint)?) };
        )*
        /// All codes, in order.
        pub const ALL: &[Code] = &[$($name),*];
    };
}

codes! {
    YAML = "RB0101", "the text is not YAML";
    DUPLICATE_KEY = "RB0102", "a key stands twice";
    TOO_LARGE = "RB0103", "the text is too large, too deep or expands too far";
    YAML_FEATURE = "RB0104", "a YAML feature that runbooks do not use";
    SPLIT_VALUE = "RB0105", "a comma that split a value";
    COMMENT_IN_CODE = "RB0106", "a comment that cut code", lint;
    UNKNOWN_KEY = "RB0201", "an unknown key";
    WRONG_TYPE = "RB0202", "a value of the wrong type";
    MISSING_KEY = "RB0203", "a required key is missing";
    FORMAT_VERSION = "RB0204", "an unknown `apiVersion`";
    EMPTY_VALUE = "RB0205", "a key without a value";
    UNUSABLE_NAME = "RB0206", "a name that expressions could not use";
    DUPLICATE_ID = "RB0301", "two steps or checks with the same id";
    UNKNOWN_NEED = "RB0302", "`needs` names a step that is not there";
    CYCLE = "RB0303", "steps wait for each other in a circle";
    NO_ACTION = "RB0304", "a step or check without an action";
    SEVERAL_ACTIONS = "RB0305", "a step or check with several actions";
    UNKNOWN_ACTION = "RB0306", "an unknown action";
    WRONG_PARAMETER = "RB0307", "an action does not accept its parameters";
    COMPOSITION = "RB0308", "steps that are put together wrongly";
    UNREACHABLE = "RB0309", "a step that can never run", lint;
    UNKNOWN_RUNBOOK = "RB0310", "a runbook that is not there or has errors";
    DUPLICATE_RUNBOOK = "RB0311", "two runbooks with the same name";
    CIRCULAR_USE = "RB0312", "runbooks that use each other in a circle";
    UNKNOWN_UNDO = "RB0313", "`undo` names a step that cannot be undone there";
    USELESS_KEY = "RB0314", "a key that does nothing there";
    EXPRESSION = "RB0401", "an expression that cannot be read";
    UNKNOWN_NAME = "RB0402", "an expression uses a name that is not there";
    NOT_BEFORE = "RB0403", "an expression uses a step that has not run by then";
    UNKNOWN_FILTER = "RB0404", "an unknown filter, test or function";
    TEMPLATE = "RB0405", "a template that cannot be read";
    TEMPLATE_IN_CODE = "RB0406", "a template inside code";
    SECRET_REVEALED = "RB0407", "an expression that looks into a secret";
    CHECK_CHANGES = "RB0501", "a check that changes something";
    NO_UNDO = "RB0502", "a change without `rollback` or `irreversible`", lint;
    EFFECT_UNDERSTATED = "RB0503", "a stated effect below the recognised one", lint;
    NO_FINAL_VERIFY = "RB0504", "a runbook that changes something and never proves that it helped", lint;
    OWN_CAPTURE_IN_ROLLBACK = "RB0505", "a rollback that needs what only its own step would capture";
    UNDO_NEVER_RUNS = "RB0506", "an undo that never runs";
    NOT_REPEATABLE = "RB0507", "a retry of what is not harmless to run twice", lint;
    APPROVAL_MISSING = "RB0508", "a step without the approval that the project demands", lint;
    BARE_NOT_OK = "RB0509", "a check that passes on any error", lint;
    SECRET_IN_ARGUMENTS = "RB0510", "a secret among a program's arguments", lint;
    CREDENTIALS_IN_URL = "RB0511", "a URL with credentials in it", lint;
    NO_AUTOMATIC_UNDO = "RB0512", "`rollback: auto` where the action cannot put anything back";
    UNKNOWN_CONNECTION = "RB0601", "an unknown connection";
    AMBIGUOUS_CONNECTION = "RB0602", "several connections fit and none is named";
    NO_CONNECTION = "RB0603", "an action without the connection that it needs";
    WRONG_VIA = "RB0604", "a connection that cannot go through another one";
    INPUT_DECLARATION = "RB0701", "an input that contradicts itself";
    UNKNOWN_ENVIRONMENT = "RB0702", "an unknown environment";
    UNUSED_INPUT = "RB0703", "an input that nothing uses", lint;
    UNUSED_CAPTURE = "RB0704", "a captured value that nothing uses", lint;
    WRONG_SECRET = "RB0705", "a secret with no source, or with several";
    TRIGGER = "RB0801", "a trigger that cannot be read";
    UNKNOWN_IN_PROJECT = "RB0802", "a name that the project file does not have";
    WAIVER = "RB0803", "a waiver or a level that does not hold";
    VERSION_NOT_RAISED = "RB0804", "a runbook that changed without a new version", lint;
    CHANNEL = "RB0805", "a channel of no kind, or of several";
    NOT_YET = "RB0901", "a part of the language that this version cannot run yet";
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn codes_are_unique_and_in_order() {
        assert!(ALL.windows(2).all(|pair| pair[0].id < pair[1].id));
    }
}
