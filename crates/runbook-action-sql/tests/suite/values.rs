//! Statements with values in their text.

use runbook_action::{Effect, Failure, Kind, Param, Recognised, Secret, Segment, Text};
use runbook_action_sql::Sql;

/// A statement in which `‹x›` is an expression, `«x»` the value that one gave, and `¡x!` a secret.
fn statement(text: &str) -> Param {
    let mut segments = Vec::new();
    for part in text.split_inclusive(['›', '»', '!']) {
        let Some(at) = part.find(['‹', '«', '¡']) else {
            segments.push(Segment::Literal(part.to_owned()));
            continue;
        };
        let (literal, inner) = part.split_at(at);
        segments.push(Segment::Literal(literal.to_owned()));
        let value: String = inner.chars().filter(|sign| !"‹›«»¡!".contains(*sign)).collect();
        segments.push(match inner.chars().next() {
            Some('‹') => Segment::Unknown(value),
            Some('«') => Segment::Value(value),
            _ => Segment::Secret(Secret::new("token", value)),
        });
    }
    Param::Text(Text::from_segments(segments))
}

fn recognise(text: &str) -> Result<Recognised, Failure> {
    Sql::default().recognise(&statement(text))
}

const NAME: &str = "‹inputs.x | sql_ident›";
const LITERAL: &str = "‹inputs.x | sql_literal›";

#[test]
fn the_structure_decides_what_it_does() {
    for (text, effect, certain) in [
        ("SELECT * FROM NAME", Effect::Read, true),
        ("SELECT NAME FROM t WHERE a = LITERAL", Effect::Read, true),
        ("SELECT * FROM t LIMIT LITERAL", Effect::Read, true),
        ("SELECT * FROM NAME.t", Effect::Read, true),
        ("UPDATE NAME SET a = LITERAL WHERE b = 1", Effect::Change, true),
        ("UPDATE NAME SET a = LITERAL", Effect::Destructive, true),
        ("INSERT INTO NAME (a) VALUES (LITERAL)", Effect::Change, true),
        ("DROP TABLE NAME", Effect::Destructive, true),
        ("DELETE FROM NAME WHERE a = LITERAL", Effect::Destructive, true),
        ("VACUUM NAME", Effect::Change, true),
        ("ALTER ROLE NAME PASSWORD LITERAL", Effect::Change, true),
        ("SET work_mem = LITERAL", Effect::Change, true),
        ("ALTER SYSTEM SET work_mem = LITERAL", Effect::Change, true),
        // What a value names here may do anything.
        ("SELECT NAME(1)", Effect::Destructive, false),
        ("SELECT * FROM NAME(1)", Effect::Destructive, false),
        ("SELECT pg_catalog.NAME(LITERAL)", Effect::Destructive, false),
        ("PRAGMA NAME", Effect::Destructive, false),
        ("PRAGMA NAME = LITERAL", Effect::Destructive, false),
        ("NAME", Effect::Destructive, false),
    ] {
        let text = text.replace("NAME", NAME).replace("LITERAL", LITERAL);
        let found = recognise(&text).unwrap_or_else(|failure| panic!("{text}: {failure}"));
        assert_eq!((found.effect, found.certain), (effect, certain), "{text}");
    }
    // A quoted name of the author's is the name.
    let found = recognise("PRAGMA \"wal_checkpoint\"").unwrap();
    assert_eq!(found.effect, Effect::Change);
}

#[test]
fn what_it_does_does_not_depend_on_the_value() {
    for (text, known) in [
        ("SELECT * FROM ‹x | sql_ident›", "SELECT * FROM «\"t\"»"),
        ("SELECT ‹x | sql_ident›(1)", "SELECT «\"now\"»(1)"),
        (
            "SELECT ‹x | sql_ident›(1)",
            "SELECT «\"pg_terminate_backend\"»(1)",
        ),
        ("SELECT ‹x | sql_literal›", "SELECT «'; DROP TABLE t; --'»"),
        ("SELECT ‹x | sql_literal›", "SELECT « -1»"),
        ("SELECT 5 -‹x | sql_literal›", "SELECT 5 -« -1»"),
    ] {
        let (planned, run) = (recognise(text).unwrap(), recognise(known).unwrap());
        assert_eq!(
            (planned.effect, planned.certain),
            (run.effect, run.certain),
            "{known}"
        );
    }
}

#[test]
fn a_value_stands_by_itself() {
    for text in [
        "SELECT 'LITERAL'",
        "SELECT 'a LITERAL'",
        "SELECT \"NAME\"",
        "SELECT $$ LITERAL $$",
        "SELECT $LITERAL",
        "SELECT ?LITERAL",
        "SELECT 1 -- LITERAL",
        "SELECT /* LITERAL */ 1",
        "SELECT E'a' 'LITERAL",
        "SELECT ELITERAL",
        "SELECT U&LITERALx",
        "SELECT LITERALLITERAL",
        "SELECT LITERALNAME",
        "SELECT LITERAL'a'",
        "SELECT aNAME",
        "SELECT NAMEa FROM t",
        "SELECT `NAME`",
        "SELECT @NAME",
    ] {
        let text = text.replace("NAME", NAME).replace("LITERAL", LITERAL);
        let failure = recognise(&text).expect_err(&text);
        assert!(
            failure.message.contains("not be a piece of its own"),
            "{text}: {failure}"
        );
    }
}

#[test]
fn a_value_that_is_not_one_piece_is_refused() {
    for value in [
        "a",
        "'a' OR 1=1",
        "'a\\'",
        "1; DROP TABLE t",
        "\"a\" --",
        "$1",
        "-1",
        "",
    ] {
        for text in [format!("SELECT «{value}»"), format!("SELECT ¡{value}!")] {
            let failure = recognise(&text).expect_err(&text);
            assert!(
                failure.message.starts_with("must be written out"),
                "{text}: {failure}"
            );
        }
    }
}

#[test]
fn no_value_is_run() {
    for text in [
        "DO LITERAL",
        "do LANGUAGE plpgsql LITERAL",
        "LOAD LITERAL",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS LITERAL",
        "CREATE OR REPLACE PROCEDURE p() LANGUAGE sql AS LITERAL",
        "COPY t FROM PROGRAM LITERAL",
        "/* first */ COPY t TO PROGRAM LITERAL",
        "ALTER SYSTEM SET archive_command = LITERAL",
        "alter system set \"Archive_Command\" to LITERAL",
        "ALTER SYSTEM SET shared_preload_libraries = LITERAL",
        "ALTER SYSTEM SET NAME = LITERAL",
    ] {
        let text = text.replace("NAME", NAME).replace("LITERAL", LITERAL);
        let failure = recognise(&text).expect_err(&text);
        assert!(
            failure.message.contains("which runs what it is given"),
            "{text}: {failure}"
        );
    }
}

/// Each of several statements is held to it, and the worst of them decides.
#[test]
fn several_statements_are_each_looked_at() {
    let several = |text: &str| {
        let text = text.replace("NAME", NAME).replace("LITERAL", LITERAL);
        let params = [
            ("query".to_owned(), statement(&text)),
            ("transaction".to_owned(), Param::Bool(true)),
        ];
        Sql::default().recognise(&Param::Map(params.into_iter().collect()))
    };
    let found = several("SELECT LITERAL; UPDATE NAME SET a = LITERAL WHERE b = 1").unwrap();
    assert_eq!((found.effect, found.certain), (Effect::Change, true));
    let found = several("SELECT 1; DROP TABLE NAME").unwrap();
    assert_eq!((found.effect, found.certain), (Effect::Destructive, true));
    let failure = several("SELECT 1; DO LITERAL").unwrap_err();
    assert!(
        failure.message.contains("which runs what it is given"),
        "{failure}"
    );
}

#[test]
fn the_summary_keeps_a_secret() {
    let found = recognise("ALTER ROLE app PASSWORD ¡'hunter2'!").unwrap();
    assert_eq!(found.summary, "ALTER ROLE app PASSWORD ‹secret token›");
    let found = recognise("VACUUM ‹inputs.x | sql_ident›").unwrap();
    assert_eq!(found.summary, "VACUUM {{ inputs.x | sql_ident }}");
}
