//! Did you mean …?

/// The nearest of `known` to a mistyped `word`, if one is near enough to be meant.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let near = |candidate: &&'a str| {
        // Most are too long or too short to be compared at all.
        candidate.len().abs_diff(word.len()) <= 1 + candidate.len().min(word.len()) / 4
    };
    known
        .into_iter()
        .filter(near)
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().min(word.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        assert_eq!(nearest("tittle", ["title", "steps"]), Some("title"));
        assert_eq!(nearest("stpes", ["title", "steps"]), Some("steps"));
        assert_eq!(nearest("banana", ["title", "steps"]), None);
    }
}
