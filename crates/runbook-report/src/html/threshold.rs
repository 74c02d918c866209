//! What a check draws, and the bound that it compares that with.
//!
//! An `expect` is an expression of the author, and a reading says what each of its operands was: `` `value` is 97 ``. Only
//! comparisons with a number are bounds. What is not understood is not drawn.

use runbook_event::Reading;

/// A number that what is drawn is compared with.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bound {
    /// What is drawn: `value`, or another operand.
    pub(super) subject: String,
    /// Whether what is below it, or what is above, is as it should be. None for an equality.
    pub(super) below: Option<bool>,
    pub(super) limit: f64,
    /// The comparison as it stands in the runbook.
    pub(super) source: String,
}

/// The operators, the longer ones first: `<=` is not `<`.
const OPERATORS: [(&str, Option<bool>); 5] = [
    ("<=", Some(true)),
    (">=", Some(false)),
    ("==", None),
    ("<", Some(true)),
    (">", Some(false)),
];

/// The bounds in what a check expects. `detail` is what a reading says of the operands.
pub(super) fn bounds(expected: &[String], detail: &str) -> Vec<Bound> {
    let clauses = expected
        .iter()
        .filter(|text| !text.contains(" or ") && !text.contains("not ") && !text.contains(['"', '\'']))
        .flat_map(|text| text.split(" and "));
    let found: Vec<Bound> = clauses.filter_map(|clause| bound(clause, detail)).collect();
    // One picture has one subject: `value` where it is compared, else what is compared first.
    let subject = found
        .iter()
        .find(|bound| bound.subject == "value")
        .or(found.first())
        .map(|bound| bound.subject.clone());
    found
        .into_iter()
        .filter(|bound| Some(&bound.subject) == subject.as_ref())
        .collect()
}

fn bound(clause: &str, detail: &str) -> Option<Bound> {
    let clause = clause.trim();
    let (at, (sign, below)) = OPERATORS
        .iter()
        .find_map(|operator| Some((clause.find(operator.0)?, *operator)))?;
    let (left, right) = (clause.get(..at)?.trim(), clause.get(at + sign.len()..)?.trim());
    let is_one = |side: &str| !side.is_empty() && !side.contains(['<', '>', '=', '!']);
    if !is_one(left) || !is_one(right) {
        return None;
    }
    let turned = left.parse::<f64>().is_ok() || (right == "value" && left != "value");
    let (subject, other) = if turned { (right, left) } else { (left, right) };
    let limit = finite(other).or_else(|| operand(detail, other))?;
    Some(Bound {
        subject: subject.to_owned(),
        below: below.map(|below| below != turned),
        limit,
        source: clause.to_owned(),
    })
}

/// The number that a reading draws, if it is one.
pub(super) fn number(reading: &Reading, subject: Option<&str>) -> Option<f64> {
    match (&reading.value, subject) {
        (Some(value), None | Some("value")) => value.as_f64().or_else(|| value.as_str().and_then(finite)),
        (_, Some(subject)) => operand(&reading.detail, subject),
        (None, None) => None,
    }
}

/// What a reading says that an operand was.
fn operand(detail: &str, name: &str) -> Option<f64> {
    let said = format!("`{name}` is ");
    let after = detail.get(detail.find(&said)? + said.len()..)?;
    let end = after
        .find(|char: char| char == ',' || char.is_whitespace())
        .unwrap_or(after.len());
    finite(after.get(..end)?)
}

fn finite(text: &str) -> Option<f64> {
    text.trim()
        .parse::<f64>()
        .ok()
        .filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(expected: &str, detail: &str) -> Vec<(String, Option<bool>, f64)> {
        bounds(&[expected.to_owned()], detail)
            .into_iter()
            .map(|bound| (bound.subject, bound.below, bound.limit))
            .collect()
    }

    #[test]
    fn comparisons_with_numbers_are_bounds() {
        let value = |below, limit| vec![("value".to_owned(), below, limit)];
        for (expected, detail, bounds) in [
            ("value < 0.8", "", value(Some(true), 0.8)),
            ("value <= 80", "", value(Some(true), 80.0)),
            ("80 > value", "", value(Some(true), 80.0)),
            ("value == 0", "", value(None, 0.0)),
            ("value >= 1 and ok", "", value(Some(false), 1.0)),
            (
                "value < inputs.limit",
                "`value` is 97, `inputs.limit` is 80",
                value(Some(true), 80.0),
            ),
            (
                "inputs.limit > value",
                "`inputs.limit` is 80, `value` is 97",
                value(Some(true), 80.0),
            ),
            (
                "used < 80",
                "`used` is 97",
                vec![("used".to_owned(), Some(true), 80.0)],
            ),
            ("rows == 3 and value < 5", "", value(Some(true), 5.0)),
            ("value < inputs.limit", "", vec![]),
            ("value < 80 or force", "", vec![]),
            ("not value < 80", "", vec![]),
            ("value == 'a < 3'", "", vec![]),
            ("1 < value < 3", "", vec![]),
            ("status != 3", "", vec![]),
            ("value < nan", "", vec![]),
            ("ok", "`ok` is true", vec![]),
        ] {
            assert_eq!(of(expected, detail), bounds, "{expected}");
        }
    }

    #[test]
    fn what_is_drawn_is_the_value_or_the_operand() {
        let reading = |value: Option<serde_json::Value>, detail: &str| Reading {
            number: 1,
            verdict: runbook_event::Verdict::Fail,
            streak: 0,
            value,
            warned: false,
            detail: detail.to_owned(),
        };
        assert_eq!(number(&reading(Some(7.into()), ""), None), Some(7.0));
        assert_eq!(number(&reading(Some("7.5".into()), ""), Some("value")), Some(7.5));
        assert_eq!(
            number(&reading(None, "`a.b` is 97, `c` is 3"), Some("a.b")),
            Some(97.0)
        );
        assert_eq!(number(&reading(None, "`c` is many"), Some("c")), None);
        assert_eq!(number(&reading(Some("x".into()), "`value` is 3"), None), None);
    }
}
