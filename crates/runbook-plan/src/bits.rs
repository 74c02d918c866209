//! A set of positions, small enough to have one for each step.

/// A set of positions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Bits {
    words: Vec<u64>,
}

impl Bits {
    pub(crate) fn insert(&mut self, position: usize) {
        let word = position / 64;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        if let Some(word) = self.words.get_mut(word) {
            *word |= 1 << (position % 64);
        }
    }

    /// Adds the positions of a range.
    pub(crate) fn insert_range(&mut self, range: std::ops::Range<usize>) {
        for position in range {
            self.insert(position);
        }
    }

    pub(crate) fn contains(&self, position: usize) -> bool {
        self.words
            .get(position / 64)
            .is_some_and(|word| word & (1 << (position % 64)) != 0)
    }

    /// Adds all positions of another set.
    pub(crate) fn extend(&mut self, other: &Self) {
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
    }
}

impl FromIterator<usize> for Bits {
    fn from_iter<T: IntoIterator<Item = usize>>(positions: T) -> Self {
        let mut bits = Self::default();
        for position in positions {
            bits.insert(position);
        }
        bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in() {
        let mut bits: Bits = [3, 64, 200].into_iter().collect();
        bits.insert_range(0..2);
        let held: Vec<usize> = (0..300).filter(|at| bits.contains(*at)).collect();
        assert_eq!(held, [0, 1, 3, 64, 200]);
    }
}
