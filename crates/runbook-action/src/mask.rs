//! Masking what the other side says: a program or a server may repeat a secret that it was given.

use crate::{Call, Param, Secret, Segment, Text};

impl Call<'_> {
    /// `text` with every secret of this call shown by its name. For words of the other side that go into a
    /// [`Failure`](crate::Failure): a program may well print the password that it was given.
    #[must_use]
    pub fn mask(&self, text: &str) -> String {
        let mut secrets = Vec::new();
        of_param(self.params, &mut secrets);
        if let Some(connection) = self.connection {
            of_param(&connection.params, &mut secrets);
        }
        for text in self.env.values() {
            of_text(text, &mut secrets);
        }
        // Longer ones first, so that a secret which holds another is not cut in two.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.reveal().len()));
        secrets
            .into_iter()
            .filter(|secret| !secret.reveal().is_empty())
            .fold(text.to_owned(), |text, secret| {
                text.replace(secret.reveal(), &secret.to_string())
            })
    }
}

fn of_param<'a>(param: &'a Param, found: &mut Vec<&'a Secret>) {
    match param {
        Param::Null | Param::Bool(_) | Param::Number(_) => {}
        Param::Text(text) => of_text(text, found),
        Param::List(items) => items.iter().for_each(|item| of_param(item, found)),
        Param::Map(map) => map.values().for_each(|item| of_param(item, found)),
    }
}

fn of_text<'a>(text: &'a Text, found: &mut Vec<&'a Secret>) {
    for segment in text.segments() {
        match segment {
            Segment::Secret(secret) => found.push(secret),
            Segment::Literal(_) | Segment::Value(_) | Segment::Unknown(_) => {}
        }
    }
}
