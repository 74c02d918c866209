//! How much an evaluation may make.
//!
//! Values share what they have in common, so `[x, x]` takes no room of its own, and yet whoever writes it out writes
//! `x` twice. So what counts is not memory but weight: what a value would be as text.

use std::cell::Cell;

use super::Val;
use super::error::EvalError;
use super::tree::Tree;

/// The greatest length of a text that an expression makes, in bytes.
pub(super) const MAX_TEXT: usize = 1 << 20;

/// How much heavier than all that it reads the value of an expression may be.
pub(super) const MAX_GROWTH: usize = 1 << 20;

/// The greatest weight of all that one evaluation makes, and of the values that fill one action's parameters.
pub(super) const MAX_MADE: usize = 8 << 20;

/// How deep a value may be nested.
pub(super) const MAX_DEPTH: usize = 128;

/// How many items one evaluation may look through for one: a list may be searched for each item of another.
const MAX_SEARCHED: usize = 5_000_000;

/// How much is made of constants alone when an expression is read.
const MAX_READING: usize = 64 << 10;

/// What a value weighs besides its text.
const EACH: usize = 4;

/// What may still be made.
#[derive(Debug)]
pub(crate) struct Budget {
    left: Cell<usize>,
    of: usize,
    searched: Cell<usize>,
}

impl Budget {
    /// For one evaluation.
    pub(crate) const fn new() -> Self {
        Self::of(MAX_MADE)
    }

    /// For looking at constants.
    pub(super) const fn of_reading() -> Self {
        Self::of(MAX_READING)
    }

    const fn of(of: usize) -> Self {
        Self {
            left: Cell::new(of),
            of,
            searched: Cell::new(0),
        }
    }

    /// Whether anything was made.
    pub(super) fn is_touched(&self) -> bool {
        self.left.get() < self.of
    }

    /// Whether it was not enough.
    pub(super) fn is_exhausted(&self) -> bool {
        self.left.get() == 0
    }

    /// Takes the weight of a value off.
    pub(crate) fn value(&self, value: &Val) -> Result<(), Exhausted> {
        self.charge(weigh(value, self.left.get()).unwrap_or(usize::MAX))
    }

    /// Takes this much off.
    pub(crate) fn charge(&self, amount: usize) -> Result<(), Exhausted> {
        let left = self.left.get().saturating_sub(amount);
        self.left.set(left);
        if left > 0 { Ok(()) } else { Err(Exhausted) }
    }

    /// Counts items that are looked through.
    pub(super) fn search(&self, tree: &Tree, items: usize) -> Result<(), EvalError> {
        self.searched.set(self.searched.get().saturating_add(items));
        if self.searched.get() > MAX_SEARCHED {
            let message = "this looks through lists and texts for too long: more than 5 million items";
            return Err(EvalError::new(tree, message));
        }
        Ok(())
    }

    /// Takes a text of this length off.
    pub(super) fn text(&self, tree: &Tree, length: usize) -> Result<(), EvalError> {
        if length > MAX_TEXT {
            let message = format!("the text would be longer than {MAX_TEXT} bytes");
            return Err(EvalError::new(tree, message));
        }
        self.charge(EACH + length).map_err(|error| error.at(tree))
    }

    /// Takes this many values off, of this length together.
    pub(super) fn many(&self, tree: &Tree, count: usize, length: usize) -> Result<(), EvalError> {
        let weight = count.saturating_mul(EACH).saturating_add(length);
        self.charge(weight).map_err(|error| error.at(tree))
    }

    /// Takes the weight of a value off that becomes part of another.
    pub(super) fn part(&self, tree: &Tree, value: &Val) -> Result<(), EvalError> {
        self.value(value).map_err(|error| error.at(tree))
    }
}

/// More would be made than may be.
#[derive(Debug)]
pub(crate) struct Exhausted;

impl Exhausted {
    fn at(self, tree: &Tree) -> EvalError {
        let Self = self;
        EvalError::new(tree, "all that this expression makes would be larger than 8 MiB")
    }
}

/// The weight of a value, or none if it is more than this. Looking takes no longer than the limit is large.
pub(crate) fn weigh(value: &Val, limit: usize) -> Option<usize> {
    let mut left = limit.checked_sub(EACH)?;
    match value {
        Val::Null | Val::Bool(_) | Val::Int(_) | Val::Float(_) => {}
        Val::Text(text) => left = left.checked_sub(text.len())?,
        Val::Secret(text) => left = left.checked_sub(text.reveal().len())?,
        Val::List(items) => {
            for item in items.iter() {
                left -= weigh(item, left)?;
            }
        }
        Val::Map(map) => {
            for (key, item) in map.iter() {
                left = left.checked_sub(EACH + key.len())?;
                left -= weigh(item, left)?;
            }
        }
    }
    Some(limit - left)
}

/// Whether a value is nested at most this deep.
pub(super) fn is_within(value: &Val, depth: usize) -> bool {
    let inside = |item: &Val| depth > 0 && is_within(item, depth - 1);
    match value {
        Val::Null | Val::Bool(_) | Val::Int(_) | Val::Float(_) | Val::Text(_) | Val::Secret(_) => true,
        Val::List(items) => items.iter().all(inside),
        Val::Map(map) => map.values().all(inside),
    }
}
