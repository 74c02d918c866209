//! Actions that do one of several things: `{scale: deployment/web, replicas: 3}`.
//!
//! The key of one verb is there and holds what it is about; what else is there belongs to that verb. Each verb is a
//! row of a table, so that what it takes and what it does to the world are read side by side.

use crate::{Args, Effect, Failure, Param, Recognised, Undoing};

/// The longest summary, in characters.
const SUMMARY: usize = 120;

/// One of the things that an action does.
#[derive(Debug, Clone, Copy)]
pub struct Verb {
    /// The key that names it and holds what it is about.
    pub key: &'static str,
    /// The other keys that may stand beside it.
    pub takes: &'static [&'static str],
    /// Those of them that it cannot do without.
    pub needs: &'static [Need],
    /// What it does to the world.
    pub effect: Effect,
    /// Whether that is known.
    pub certain: bool,
    /// What it takes to undo it.
    pub undoing: Undoing,
}

/// What a verb cannot do without.
#[derive(Debug, Clone, Copy)]
pub enum Need {
    /// This key.
    Key(&'static str),
    /// Exactly one of these.
    One(&'static [&'static str]),
    /// At least one of these.
    Any(&'static [&'static str]),
}

impl Verb {
    /// One that looks and changes nothing.
    #[must_use]
    pub const fn reads(key: &'static str, takes: &'static [&'static str]) -> Self {
        Self {
            key,
            takes,
            needs: &[],
            effect: Effect::Read,
            certain: true,
            undoing: Undoing::Needless,
        }
    }

    /// One that changes something.
    #[must_use]
    pub const fn changes(key: &'static str, takes: &'static [&'static str], undoing: Undoing) -> Self {
        Self {
            key,
            takes,
            needs: &[],
            effect: Effect::Change,
            certain: true,
            undoing,
        }
    }

    /// One that destroys something.
    #[must_use]
    pub const fn destroys(key: &'static str, takes: &'static [&'static str]) -> Self {
        Self {
            key,
            takes,
            needs: &[],
            effect: Effect::Destructive,
            certain: true,
            undoing: Undoing::ByAuthor,
        }
    }

    /// The same, and it needs this.
    #[must_use]
    pub const fn needing(self, needs: &'static [Need]) -> Self {
        Self { needs, ..self }
    }

    /// The same, and only the author knows what it really does.
    #[must_use]
    pub const fn uncertain(self) -> Self {
        Self {
            certain: false,
            ..self
        }
    }

    /// The verb that is asked for, when all beside it belongs to it and nothing is missing.
    pub fn chosen<'a>(verbs: &'static [Self], args: &Args<'a>) -> Result<Chosen<'a>, Failure> {
        let mut asked = verbs.iter().filter_map(|verb| Some((verb, args.get(verb.key)?)));
        let Some((verb, value)) = asked.next() else {
            let keys: Vec<String> = verbs.iter().map(|verb| format!("`{}`", verb.key)).collect();
            return Err(args
                .wrong("does not say what to do")
                .help(format!("add one of {}", keys.join(", "))));
        };
        if let Some((_, second)) = asked.next() {
            return Err(second
                .wrong(format!("stands beside `{}`, and one of them is enough", verb.key))
                .help("make each a step of its own"));
        }
        let chosen = Chosen {
            verb,
            args: args.clone(),
            value,
        };
        chosen.takes_all_of_it(verbs)?;
        for need in verb.needs {
            chosen.has(*need)?;
        }
        Ok(chosen)
    }
}

/// A verb with what it was given.
#[derive(Debug, Clone)]
pub struct Chosen<'a> {
    /// The verb.
    pub verb: &'static Verb,
    /// All parameters.
    pub args: Args<'a>,
    /// What the verb is about.
    pub value: Args<'a>,
}

impl<'a> Chosen<'a> {
    /// The parameter of this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Args<'a>> {
        self.args.get(key)
    }

    /// Whether a switch is on. What is not `true` is off.
    #[must_use]
    pub fn is_on(&self, key: &str) -> bool {
        self.get(key)
            .is_some_and(|switch| *switch.param() == Param::Bool(true))
    }

    /// What it would do, where the table's row says it all. `about` is what it is about, for people.
    #[must_use]
    pub fn recognised(&self, about: &str) -> Recognised {
        Recognised {
            effect: self.verb.effect,
            certain: self.verb.certain,
            summary: self.summary(about),
            undoing: self.verb.undoing,
        }
    }

    /// One line for people: `scale deployment/web (replicas: 3)`. Secrets are masked.
    fn summary(&self, about: &str) -> String {
        let beside: Vec<String> = self
            .args
            .entries()
            .unwrap_or_default()
            .iter()
            .filter(|(key, entry)| *key != self.verb.key && *entry.param() != Param::Null)
            .map(|(key, entry)| format!("{key}: {}", shown(entry.param())))
            .collect();
        let line = if beside.is_empty() {
            format!("{} {about}", self.verb.key)
        } else {
            format!("{} {about} ({})", self.verb.key, beside.join(", "))
        };
        one_line(&line)
    }

    fn takes_all_of_it(&self, verbs: &[Verb]) -> Result<(), Failure> {
        let verb = self.verb;
        for (key, entry) in self.args.entries()? {
            if key == verb.key || verb.takes.contains(&key) || *entry.param() == Param::Null {
                continue;
            }
            let owners: Vec<String> = verbs
                .iter()
                .filter(|other| other.takes.contains(&key))
                .map(|other| format!("`{}`", other.key))
                .collect();
            let whose = if owners.is_empty() {
                String::new()
            } else {
                format!("; `{key}` is for {}", owners.join(", "))
            };
            let takes: Vec<String> = verb.takes.iter().map(|key| format!("`{key}`")).collect();
            let beside = if takes.is_empty() {
                "nothing beside it".to_owned()
            } else {
                takes.join(", ")
            };
            return Err(entry
                .wrong(format!("does not belong to `{}`", verb.key))
                .help(format!("`{}` takes {beside}{whose}", verb.key)));
        }
        Ok(())
    }

    fn has(&self, need: Need) -> Result<(), Failure> {
        let keys = match need {
            Need::Key(key) => &[key] as &[&str],
            Need::One(keys) | Need::Any(keys) => keys,
        };
        let mut given = keys.iter().filter_map(|key| self.get(key));
        let (first, second) = (given.next(), given.next());
        let named: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
        match (need, first, second) {
            (Need::One(_), Some(first), Some(second)) => Err(second.wrong(format!(
                "stands beside `{}`, and one of them is enough",
                first.path()
            ))),
            (_, Some(_), _) => Ok(()),
            (Need::Key(key), None, _) => Err(self.value.wrong(format!("needs `{key}` beside it"))),
            (Need::One(_) | Need::Any(_), None, _) => Err(self
                .value
                .wrong(format!("needs one of {} beside it", named.join(", ")))),
        }
    }
}

fn shown(param: &Param) -> String {
    match param {
        Param::Text(text) => text.to_string(),
        Param::Null | Param::Bool(_) | Param::Number(_) | Param::List(_) | Param::Map(_) => {
            param.masked().to_string()
        }
    }
}

/// At most so many characters, with blanks joined and other control characters left out.
fn one_line(text: &str) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.retain(|c| !c.is_control());
    if let Some((end, _)) = line.char_indices().nth(SUMMARY) {
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;
    use crate::{Secret, Segment, Text};

    static VERBS: &[Verb] = &[
        Verb::reads("logs", &["tail"]),
        Verb::changes("scale", &["replicas", "when", "at"], Undoing::Automatic)
            .needing(&[Need::Key("replicas")]),
        Verb::changes("patch", &["merge", "json"], Undoing::ByAuthor)
            .needing(&[Need::One(&["merge", "json"])]),
        Verb::destroys("drop", &["a", "b"]).needing(&[Need::Any(&["a", "b"])]),
    ];

    fn param(entries: &[(&str, i64)]) -> Param {
        let entry = |(key, value): &(&str, i64)| ((*key).to_owned(), Param::Number((*value).into()));
        Param::Map(entries.iter().map(entry).collect())
    }

    #[test]
    fn one_verb_with_what_belongs_to_it_is_chosen() {
        for (params, verb) in [
            (param(&[("logs", 1)]), "logs"),
            (param(&[("tail", 1), ("logs", 1)]), "logs"),
            (param(&[("scale", 1), ("replicas", 1)]), "scale"),
            (param(&[("patch", 1), ("json", 1)]), "patch"),
            (param(&[("drop", 1), ("a", 1), ("b", 1)]), "drop"),
        ] {
            let chosen = Verb::chosen(VERBS, &Args::new(&params)).unwrap();
            assert_eq!(chosen.verb.key, verb);
        }
    }

    #[test]
    fn whatever_is_wrong_is_named() {
        for (params, expected) in [
            (Param::Null, "does not say what to do"),
            (param(&[]), "does not say what to do"),
            (
                param(&[("scale", 1), ("logs", 1)]),
                "`scale`: stands beside `logs`, and one of them is enough",
            ),
            (
                param(&[("scale", 1), ("replicas", 1), ("tail", 1)]),
                "`tail`: does not belong to `scale`",
            ),
            (param(&[("scale", 1)]), "`scale`: needs `replicas` beside it"),
            (
                param(&[("patch", 1)]),
                "`patch`: needs one of `merge`, `json` beside it",
            ),
            (
                param(&[("patch", 1), ("merge", 1), ("json", 1)]),
                "`json`: stands beside `merge`, and one of them is enough",
            ),
            (param(&[("drop", 1)]), "`drop`: needs one of `a`, `b` beside it"),
        ] {
            let failure = Verb::chosen(VERBS, &Args::new(&params)).unwrap_err();
            assert_eq!(failure.to_string(), expected);
        }
    }

    #[test]
    fn a_key_of_another_verb_is_told_where_it_belongs() {
        let params = param(&[("logs", 1), ("replicas", 1)]);
        let failure = Verb::chosen(VERBS, &Args::new(&params)).unwrap_err();
        assert_eq!(
            failure.help.as_deref(),
            Some("`logs` takes `tail`; `replicas` is for `scale`")
        );
    }

    #[test]
    fn a_summary_is_one_short_line_without_secrets() {
        let secret = Secret::new("token", "hunter2".to_owned());
        let entries = [
            ("scale", Param::Text(Text::literal("web"))),
            ("replicas", Param::Number(3.into())),
            (
                "when",
                Param::Text(Text::from_segments(vec![Segment::Secret(secret)])),
            ),
            ("at", Param::Text(Text::literal("a\n\u{1b}b".repeat(100)))),
        ];
        let params = Param::Map(
            entries
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect::<IndexMap<_, _>>(),
        );
        let chosen = Verb::chosen(VERBS, &Args::new(&params)).unwrap();
        let recognised = chosen.recognised("web");
        assert!(
            recognised
                .summary
                .starts_with("scale web (replicas: 3, when: ‹secret token›, at: a ba b"),
            "{}",
            recognised.summary
        );
        assert_eq!(recognised.summary.chars().count(), SUMMARY + 1);
        assert_eq!(recognised.undoing, Undoing::Automatic);
    }
}
