//! Reading a checked tree: what is missing or was reported comes back as `None`.

use std::time::Duration;

use runbook_schema::duration::parse_duration;

use crate::{Node, ScalarValue, Spanned};

impl Node {
    /// The text of a key.
    pub(crate) fn text_of(&self, key: &str) -> Option<Spanned<String>> {
        let node = self.get(key)?;
        node.text().map(|text| Spanned::new(text.to_owned(), node.span))
    }

    /// The length of time of a key.
    pub(crate) fn duration_of(&self, key: &str) -> Option<Duration> {
        self.get(key)?.text().and_then(parse_duration)
    }

    /// The boolean of a key.
    pub(crate) fn boolean_of(&self, key: &str) -> Option<bool> {
        match self.get(key)?.scalar()?.value {
            ScalarValue::Bool(value) => Some(value),
            ScalarValue::Null | ScalarValue::Integer(_) | ScalarValue::Float(_) | ScalarValue::Text => None,
        }
    }

    /// The whole number of a key, where it fits.
    pub(crate) fn count_of(&self, key: &str) -> Option<u32> {
        match self.get(key)?.scalar()?.value {
            ScalarValue::Integer(value) => u32::try_from(value).ok(),
            ScalarValue::Null | ScalarValue::Bool(_) | ScalarValue::Float(_) | ScalarValue::Text => None,
        }
    }

    /// The items of a key's list; none if there is no such list.
    pub(crate) fn items_of(&self, key: &str) -> &[Self] {
        self.get(key).map_or(&[], Self::items)
    }

    /// The names and values of a key's mapping.
    pub(crate) fn named_of(&self, key: &str) -> Vec<(Spanned<String>, Self)> {
        let entries = self.get(key).map_or(&[] as &[crate::Entry], Self::entries);
        entries
            .iter()
            .map(|entry| (entry.key.clone(), entry.value.clone()))
            .collect()
    }

    /// The names and texts of a key's mapping.
    pub(crate) fn texts_of(&self, key: &str) -> Vec<(Spanned<String>, Spanned<String>)> {
        self.named_of(key)
            .into_iter()
            .filter_map(|(name, node)| {
                let text = node.text()?.to_owned();
                Some((name, Spanned::new(text, node.span)))
            })
            .collect()
    }

    /// The one value of a key, or the items of its list.
    pub(crate) fn one_or_more(&self, key: &str) -> Vec<Self> {
        match self.get(key) {
            None => Vec::new(),
            Some(node) => match &node.kind {
                crate::Kind::List(items) => items.clone(),
                crate::Kind::Scalar(_) | crate::Kind::Map(_) => vec![node.clone()],
            },
        }
    }

    /// The one text of a key, or the texts of its list.
    pub(crate) fn slugs_of(&self, key: &str) -> Vec<Spanned<String>> {
        let nodes = self.one_or_more(key);
        let texts = nodes.iter();
        texts
            .filter_map(|node| Some(Spanned::new(node.text()?.to_owned(), node.span)))
            .collect()
    }

    /// The place of a key that is `true`.
    pub(crate) fn flag_of(&self, key: &str) -> Option<crate::Span> {
        let entry = self.entry(key)?;
        self.boolean_of(key)?.then_some(entry.key.span)
    }

    /// The number of a key.
    #[expect(clippy::cast_precision_loss, reason = "the numbers of the language are small")]
    pub(crate) fn number_of(&self, key: &str) -> Option<f64> {
        match self.get(key)?.scalar()?.value {
            ScalarValue::Integer(value) => Some(value as f64),
            ScalarValue::Float(value) => Some(value),
            ScalarValue::Null | ScalarValue::Bool(_) | ScalarValue::Text => None,
        }
    }
}
