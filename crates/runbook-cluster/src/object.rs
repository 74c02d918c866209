//! Reading and writing fields of objects, which are plain JSON here.

use serde_json::{Map, Value};

static NULL: Value = Value::Null;

/// Fields of an object by JSON pointer.
pub trait Fields {
    /// The value there, or null.
    fn at(&self, pointer: &str) -> &Value;
    /// The text there, or an empty one.
    fn text(&self, pointer: &str) -> &str;
    /// The whole number there.
    fn number(&self, pointer: &str) -> Option<i64>;
    /// Whether `true` stands there.
    fn is_true(&self, pointer: &str) -> bool;
    /// The items of the list there; none if there is no list.
    fn items(&self, pointer: &str) -> &[Value];
    /// The mapping there.
    fn map(&self, pointer: &str) -> Option<&Map<String, Value>>;
    /// Sets the field there, and makes the mappings on the way to it.
    fn put(&mut self, pointer: &str, value: Value);
    /// Removes the field there, and answers it.
    fn take_out(&mut self, pointer: &str) -> Option<Value>;
    /// Sets the field there unless it has a value that is not null.
    fn default_to(&mut self, pointer: &str, value: Value) {
        if self.at(pointer).is_null() {
            self.put(pointer, value);
        }
    }
    /// The name of the object.
    fn name(&self) -> &str {
        self.text("/metadata/name")
    }
    /// The namespace of the object, empty if it has none.
    fn namespace(&self) -> &str {
        self.text("/metadata/namespace")
    }
    /// The UID of the object.
    fn uid(&self) -> &str {
        self.text("/metadata/uid")
    }
    /// Whether the object is being deleted.
    fn is_deleting(&self) -> bool {
        !self.at("/metadata/deletionTimestamp").is_null()
    }
}

impl Fields for Value {
    fn at(&self, pointer: &str) -> &Self {
        self.pointer(pointer).unwrap_or(&NULL)
    }

    fn text(&self, pointer: &str) -> &str {
        self.at(pointer).as_str().unwrap_or_default()
    }

    fn number(&self, pointer: &str) -> Option<i64> {
        self.at(pointer).as_i64()
    }

    fn is_true(&self, pointer: &str) -> bool {
        self.at(pointer).as_bool().unwrap_or_default()
    }

    fn items(&self, pointer: &str) -> &[Self] {
        self.at(pointer).as_array().map_or(&[], Vec::as_slice)
    }

    fn map(&self, pointer: &str) -> Option<&Map<String, Self>> {
        self.at(pointer).as_object()
    }

    fn put(&mut self, pointer: &str, value: Self) {
        let mut here = self;
        for part in pointer.split('/').skip(1) {
            let part = unescape(part);
            if let Self::Array(items) = here {
                match part.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
                    Some(item) => here = item,
                    None => return,
                }
                continue;
            }
            if !here.is_object() {
                *here = Self::Object(Map::new());
            }
            match here.as_object_mut() {
                Some(fields) => here = fields.entry(part).or_insert(Self::Null),
                None => return,
            }
        }
        *here = value;
    }

    fn take_out(&mut self, pointer: &str) -> Option<Self> {
        let (parent, last) = pointer.rsplit_once('/')?;
        self.pointer_mut(parent)?
            .as_object_mut()?
            .shift_remove(&unescape(last))
    }
}

/// A key as part of a JSON pointer.
#[must_use]
pub fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn unescape(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}
