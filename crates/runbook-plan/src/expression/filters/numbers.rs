//! Filters of numbers, and texts that stand for numbers.

use super::super::Val;
use super::super::error::{EvalError, Evaluated};
use super::super::evaluation::Evaluation;
use super::super::ops::{self, concat, number};
use super::super::tree::Tree;
use super::Arguments;

pub(super) fn apply(
    evaluation: &Evaluation<'_>,
    tree: &Tree,
    name: &str,
    subject: &Val,
    arguments: &Arguments,
) -> Evaluated {
    let wrong = || EvalError::new(tree, format!("`{name}` cannot read {}", subject.show()));
    if name == "string" {
        return concat(evaluation, tree, std::iter::once(subject));
    }
    let value = number(subject).ok_or_else(wrong)?;
    match (name, subject) {
        ("abs", Val::Int(value)) => value
            .checked_abs()
            .map(Val::Int)
            .ok_or_else(|| ops::overflow(tree)),
        ("abs", _) => Ok(Val::Float(value.abs())),
        ("percent", _) => Ok(Val::text(format!("{:.1} %", value * 100.0))),
        ("round", _) => round(tree, subject, value, arguments),
        ("int", Val::Float(value)) => whole(tree, *value),
        ("float", _) => Ok(Val::Float(value)),
        _ => Ok(subject.clone()),
    }
}

fn round(tree: &Tree, subject: &Val, value: f64, arguments: &Arguments) -> Evaluated {
    let digits = match arguments.args.first() {
        None => 0,
        Some(Val::Int(digits @ 0..=15)) => i32::try_from(*digits).unwrap_or(0),
        Some(other) => {
            let message = format!("`round` keeps 0 to 15 digits, found {}", other.show());
            return Err(EvalError::new(tree, message));
        }
    };
    if let Val::Int(_) = subject {
        return Ok(subject.clone());
    }
    if digits == 0 {
        return whole(tree, value.round());
    }
    let scale = 10f64.powi(digits);
    let rounded = (value * scale).round() / scale;
    // A number as large as that has no digits behind the point.
    Ok(Val::Float(if rounded.is_finite() { rounded } else { value }))
}

/// A number without its fraction.
fn whole(tree: &Tree, value: f64) -> Evaluated {
    ops::to_whole(value.trunc())
        .map(Val::Int)
        .ok_or_else(|| EvalError::new(tree, "the number is too large to be whole"))
}

/// `int` and `float` of a text.
pub(super) fn of_text(tree: &Tree, name: &str, text: &str) -> Evaluated {
    let read = match name {
        "int" => text.trim().parse().ok().map(Val::Int),
        "float" => text
            .trim()
            .parse()
            .ok()
            .filter(|value: &f64| value.is_finite())
            .map(Val::Float),
        _ => None,
    };
    read.ok_or_else(|| {
        let shown = Val::text(text).show();
        EvalError::new(tree, format!("`{name}` cannot read {shown}"))
    })
}

/// A share as people write it, `95 %` or `12.5%`: 0.95 and 0.125.
pub(super) fn share(text: &str) -> Option<Val> {
    let digits = text.trim().strip_suffix('%')?.trim_end();
    // The point is moved in the text, so that nothing is lost by dividing.
    plain_number(digits)?;
    format!("{digits}e-2").parse().ok().map(Val::Float)
}

/// A number without an exponent: `12`, `-1.5`, `.5`.
fn plain_number(text: &str) -> Option<&str> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        && digits.bytes().filter(|byte| *byte == b'.').count() <= 1
        && digits.bytes().any(|byte| byte.is_ascii_digit());
    is_number.then_some(text)
}

/// A quantity as Kubernetes writes it: a number with a binary or decimal unit, or with an exponent. What is whole
/// is a whole number, exactly.
pub(super) fn quantity(text: &str) -> Option<Val> {
    const BINARY: [(&str, u32); 6] = [
        ("Ki", 10),
        ("Mi", 20),
        ("Gi", 30),
        ("Ti", 40),
        ("Pi", 50),
        ("Ei", 60),
    ];
    const DECIMAL: [(&str, i32); 9] = [
        ("n", -9),
        ("u", -6),
        ("m", -3),
        ("k", 3),
        ("M", 6),
        ("G", 9),
        ("T", 12),
        ("P", 15),
        ("E", 18),
    ];
    let split = |unit: &str| text.strip_suffix(unit);
    if let Some((digits, power)) = BINARY
        .iter()
        .find_map(|(unit, power)| Some((split(unit)?, *power)))
    {
        return Measure::read(digits, 0, power)?.value();
    }
    if let Some((digits, power)) = DECIMAL
        .iter()
        .find_map(|(unit, power)| Some((split(unit)?, *power)))
    {
        return Measure::read(digits, power, 0)?.value();
    }
    let Some((digits, exponent)) = text.split_once(['e', 'E']) else {
        return Measure::read(text, 0, 0)?.value();
    };
    let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if !unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Measure::read(digits, exponent.parse().ok()?, 0)?.value()
}

/// A decimal number times powers of ten and of two.
struct Measure<'a> {
    digits: &'a str,
    ten: i32,
    two: u32,
}

impl<'a> Measure<'a> {
    fn read(digits: &'a str, ten: i32, two: u32) -> Option<Self> {
        plain_number(digits).map(|digits| Self { digits, ten, two })
    }

    fn value(&self) -> Option<Val> {
        if let Some(whole) = self.exact() {
            return Some(Val::Int(whole));
        }
        let number: f64 = format!("{}e{}", self.digits, self.ten).parse().ok()?;
        let scaled = number * 2f64.powi(i32::try_from(self.two).ok()?);
        scaled.is_finite().then_some(Val::Float(scaled))
    }

    /// The whole number that this is, if it is one and not too large.
    fn exact(&self) -> Option<i64> {
        let (before, after) = self.digits.split_once('.').unwrap_or((self.digits, ""));
        let number: i128 = format!("{before}{after}").parse().ok()?;
        let ten = self.ten.checked_sub(i32::try_from(after.len()).ok()?)?;
        let scaled = number.checked_mul(1i128.checked_shl(self.two)?)?;
        let power = 10i128.checked_pow(ten.unsigned_abs())?;
        let whole = if ten >= 0 {
            scaled.checked_mul(power)?
        } else if scaled % power == 0 {
            scaled / power
        } else {
            return None;
        };
        i64::try_from(whole).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities() {
        for (text, value) in [
            ("2", Val::Int(2)),
            ("+2", Val::Int(2)),
            ("-1.5Ki", Val::Int(-1536)),
            (".5", Val::Float(0.5)),
            ("5.", Val::Int(5)),
            ("512Mi", Val::Int(536_870_912)),
            ("250m", Val::Float(0.25)),
            ("1500m", Val::Float(1.5)),
            ("2000m", Val::Int(2)),
            ("1u", Val::Float(1e-6)),
            ("100n", Val::Float(1e-7)),
            ("3k", Val::Int(3_000)),
            ("1.5M", Val::Int(1_500_000)),
            ("2G", Val::Int(2_000_000_000)),
            ("1T", Val::Int(1_000_000_000_000)),
            ("1P", Val::Int(1_000_000_000_000_000)),
            ("1E", Val::Int(1_000_000_000_000_000_000)),
            ("1Ki", Val::Int(1 << 10)),
            ("1Gi", Val::Int(1 << 30)),
            ("1Ti", Val::Int(1 << 40)),
            ("1Pi", Val::Int(1 << 50)),
            ("1Ei", Val::Int(1 << 60)),
            ("1e3", Val::Int(1_000)),
            ("1E3", Val::Int(1_000)),
            ("12e-1", Val::Float(1.2)),
            ("9007199254740993", Val::Int(9_007_199_254_740_993)),
            ("100E", Val::Float(1e20)),
        ] {
            assert_eq!(quantity(text), Some(value), "{text}");
        }
    }

    #[test]
    fn what_is_no_quantity() {
        for text in [
            "", "many", "Mi", "1 Mi", "1mi", "1KI", "1e3Ki", "1e", "e3", "1e3k", "--1", "1.2.3", "0x10",
            "1_000", "inf", "NaN", "1e999", "٣", ".", "1K", "1µ", " 1",
        ] {
            assert_eq!(quantity(text), None, "{text}");
        }
    }

    #[test]
    fn shares() {
        assert_eq!(share("97.3 %"), Some(Val::Float(0.973)));
        assert_eq!(share("95%"), Some(Val::Float(0.95)));
        assert_eq!(share("-5%"), Some(Val::Float(-0.05)));
        for text in ["95", "%", "95%%", "1e2%", "x%", "% 95"] {
            assert_eq!(share(text), None, "{text}");
        }
    }
}
