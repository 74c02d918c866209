//! The stable codes of findings. Each has a page in the book.

/// A stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Code {
    /// `RB` and four digits.
    pub id: &'static str,
    /// What it stands for, in a few words.
    pub title: &'static str,
}

macro_rules! codes {
    ($($name:ident = $id:literal, $title:literal;)*) => {
        $(
            #[doc = concat!("`", $id, "`: ", $title, ".")]
            pub const $name: Code = Code { id: $id, title: $title };
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
    UNKNOWN_KEY = "RB0201", "an unknown key";
    WRONG_TYPE = "RB0202", "a value of the wrong type";
    MISSING_KEY = "RB0203", "a required key is missing";
    FORMAT_VERSION = "RB0204", "an unknown `apiVersion`";
    EMPTY_VALUE = "RB0205", "a key without a value";
    DUPLICATE_ID = "RB0301", "two steps or checks with the same id";
    UNKNOWN_NEED = "RB0302", "`needs` names a step that is not there";
    CYCLE = "RB0303", "steps wait for each other in a circle";
    NO_ACTION = "RB0304", "a step or check without an action";
    SEVERAL_ACTIONS = "RB0305", "a step or check with several actions";
    UNKNOWN_ACTION = "RB0306", "an unknown action";
    WRONG_PARAMETER = "RB0307", "an action does not accept its parameters";
    EXPRESSION = "RB0401", "an expression that cannot be read";
    UNKNOWN_NAME = "RB0402", "an expression uses a name that is not there";
    NOT_BEFORE = "RB0403", "an expression uses a step that has not run by then";
    UNKNOWN_FILTER = "RB0404", "an unknown filter, test or function";
    TEMPLATE = "RB0405", "a template that cannot be read";
    TEMPLATE_IN_CODE = "RB0406", "a template inside code";
    CHECK_CHANGES = "RB0501", "a check that changes something";
    NO_UNDO = "RB0502", "a change without `rollback` or `irreversible`";
    EFFECT_UNDERSTATED = "RB0503", "a stated effect below the recognised one";
    NO_FINAL_VERIFY = "RB0504", "a runbook that changes something and never proves that it helped";
    OWN_CAPTURE_IN_ROLLBACK = "RB0505", "a rollback that needs what only its own step would capture";
    UNDO_NEVER_RUNS = "RB0506", "an undo that never runs";
    UNKNOWN_CONNECTION = "RB0601", "an unknown connection";
    AMBIGUOUS_CONNECTION = "RB0602", "several connections fit and none is named";
    NO_CONNECTION = "RB0603", "an action without the connection that it needs";
    INPUT_DECLARATION = "RB0701", "an input that contradicts itself";
    UNKNOWN_ENVIRONMENT = "RB0702", "an unknown environment";
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
