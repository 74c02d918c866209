//! No expression makes a value much larger than what it reads plus 1 MiB, and each that tries is stopped soon.

use std::fmt::Write as _;

use indexmap::IndexMap;
use runbook_action::Param;
use runbook_document::Span;
use serde_json::json;

use super::{Expression, Scope, Val};
use crate::expression::budget::{MAX_GROWTH, MAX_MADE, weigh};
use crate::template::{Kind, Piece, Room, Template};

/// `text` is 1000 bytes, `big` 1 MiB, `many` 100,000 numbers, `deep` JSON with 100 levels.
fn scope() -> Scope {
    let inputs = json!({
        "text": "x".repeat(1000), "big": "y".repeat(1 << 20), "many": vec![1; 100_000],
        "texts": vec!["ab"; 20_000], "other": vec![2; 100_000], "deep": format!("{}{}", "[".repeat(100), "]".repeat(100)),
        "deeper": "[".repeat(100_000),
    });
    Scope::new(IndexMap::from([("inputs".to_owned(), Val::from(&inputs))]))
}

fn refused(source: &str) -> String {
    let expression = Expression::parse(source).unwrap_or_else(|error| panic!("{source}: {}", error.message));
    expression.eval(&scope()).expect_err(source).message
}

#[test]
fn each_way_to_grow_is_stopped() {
    let chain =
        |of: &str, with: &str, times: usize| std::iter::repeat_n(of, times).collect::<Vec<_>>().join(with);
    let doubled = |times: usize| {
        let mut source = "inputs.text".to_owned();
        for _ in 0..times {
            let _ = write!(source, " | replace('x', 'xxxxxxxxxx')");
        }
        source
    };
    for source in [
        doubled(4),
        format!("inputs.texts | join('{}')", "_".repeat(1000)),
        "inputs.many | map('string') | join(inputs.text)".to_owned(),
        chain("inputs.big", " ~ ", 3),
        format!("[{}]", chain("inputs.big", ", ", 3)),
        format!("{{'a': [{}], 'b': [inputs.big]}}", chain("inputs.big", ", ", 2)),
        format!("[{0}, {0}]", format!("[{}]", chain("inputs.big", ", ", 2))),
        format!("[{}]", chain("inputs.many", ", ", 8)),
        format!("[{}] | length", chain("inputs.big", ", ", 100)),
        format!("[{}] | length", chain("(inputs.big | upper)", ", ", 20)),
        chain("(inputs.big | upper | length)", " + ", 20),
        "inputs.deeper | from_json".to_owned(),
    ] {
        let shown: String = source.chars().take(60).collect();
        let error = refused(&source);
        assert!(
            ["longer than", "larger than", "is not JSON", "cannot be joined"]
                .iter()
                .any(|reason| error.contains(reason)),
            "{shown}: {error}"
        );
    }
}

/// A list that is searched for each item of another takes their product.
#[test]
fn searching_is_bounded() {
    for source in [
        "inputs.many | select('in', inputs.other) | length",
        "inputs.many | all_match('in', inputs.other)",
        "inputs.texts | select('in', inputs.big) | length",
    ] {
        let error = refused(source);
        assert!(error.contains("looks through"), "{source}: {error}");
    }
    let fine = Expression::parse("inputs.texts | select('in', ['cd', 'ab']) | length").unwrap();
    assert!(fine.eval(&scope()).is_ok());
}

#[test]
fn depth_is_bounded() {
    let around = |levels: usize| {
        format!(
            "{}inputs.deep | from_json{}",
            "[".repeat(levels),
            "]".repeat(levels)
        )
    };
    assert!(Expression::parse(&around(20)).unwrap().eval(&scope()).is_ok());
    assert!(refused(&around(60)).contains("nested more than 128 levels deep"));
}

/// `a: […], b: [a, a], c: [b, b] …`: memory would not grow, and what is written out of it would, by 2^n.
#[test]
fn vars_that_double_are_stopped() {
    let next = Expression::parse("[vars.last, vars.last]").unwrap();
    let mut last = Val::text("z".repeat(1000));
    let mut stopped = None;
    for step in 0..64 {
        let vars = Val::map(IndexMap::from([("last".to_owned(), last.clone())]));
        let scope = Scope::new(IndexMap::from([("vars".to_owned(), vars)]));
        match next.eval(&scope) {
            Ok(value) => last = value,
            Err(error) => {
                stopped = Some((step, error.message));
                break;
            }
        }
    }
    let (step, message) = stopped.expect("it is never stopped");
    assert!(step < 13 && message.contains("1 MiB larger"), "{step}: {message}");
    assert!(weigh(&last, 4 * MAX_GROWTH).is_some());
}

#[test]
fn what_is_only_passed_on_is_not_counted() {
    for source in [
        "inputs.big",
        "inputs.many | select('gt', 0) | list | length == 100000",
        "inputs.many | sort | unique | length",
        "inputs.big | length",
        "[inputs.big]",
        "inputs.big | upper",
        "inputs.texts | join(',') | split(',') | length",
        "inputs.text ~ inputs.text",
    ] {
        let value = Expression::parse(source).unwrap().eval(&scope());
        assert!(value.is_ok(), "{source}: {value:?}");
    }
}

#[test]
fn a_value_is_at_most_what_it_reads_and_a_mebibyte() {
    for source in [
        "inputs.text | replace('x', 'xxxxxxxxxx') | replace('x', 'xxxxxxxxxx')",
        "[inputs.big, inputs.many]",
        "{'a': inputs.texts, 'b': inputs.texts, 'c': inputs.texts}",
        "inputs.many | map('string')",
    ] {
        let expression = Expression::parse(source).unwrap();
        let value = expression.eval(&scope()).unwrap();
        let read: usize = expression
            .references()
            .iter()
            .map(|reference| {
                let read = Expression::parse(&reference.path.join("."))
                    .unwrap()
                    .eval(&scope())
                    .unwrap();
                weigh(&read, usize::MAX).unwrap()
            })
            .sum();
        let weight = weigh(&value, usize::MAX).unwrap();
        assert!(weight <= read + MAX_GROWTH, "{source}: {weight} of {read}");
    }
}

fn span() -> Span {
    Span {
        source: runbook_document::SourceId(0),
        start: 0,
        end: 0,
    }
}

#[test]
fn what_fills_templates_is_bounded_together() {
    let big = || Expression::parse("inputs.big").unwrap();
    let whole = |count: usize| Template {
        kind: Kind::List(
            std::iter::repeat_with(|| Template {
                kind: Kind::Whole(big()),
                span: span(),
            })
            .take(count)
            .collect(),
        ),
        span: span(),
    };
    let joined = |count: usize| Template {
        kind: Kind::Text(
            std::iter::repeat_with(|| Piece::Expression(big()))
                .take(count)
                .collect(),
        ),
        span: span(),
    };
    assert!(matches!(whole(7).render(&scope()), Ok(Param::List(_))));
    assert!(matches!(joined(7).render(&scope()), Ok(Param::Text(_))));
    for template in [whole(9), joined(9), whole(100_000)] {
        let error = template.render(&scope()).unwrap_err();
        assert!(
            error.error.message.contains("larger than 8 MiB together"),
            "{}",
            error.error
        );
    }
    let room = Room::new();
    assert!(whole(5).render_within(&scope(), &room).is_ok());
    assert!(whole(5).render_within(&scope(), &room).is_err());
    assert!(!Room::new().takes(&Val::text("x".repeat(MAX_MADE))));
}

/// Constants are looked at when they are read, so what they could make is small then.
#[test]
fn reading_makes_little() {
    let source = format!("'aaaaaaaaaa'{} == x", " | replace('a', 'aaaaaaaaaa')".repeat(9));
    let expression = Expression::parse(&source).unwrap();
    assert!(expression.constant().is_none());
    let scope = Scope::default().with_result(&json!({"x": 1}));
    assert!(
        expression
            .eval(&scope)
            .unwrap_err()
            .message
            .contains("longer than")
    );
}
