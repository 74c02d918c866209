//! Quantities: `250m`, `1Gi`.

/// The number that a quantity says; none if it is none.
pub(crate) fn quantity(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 13] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
    ];
    let plain = |digits: &str| {
        let fine = digits
            .chars()
            .all(|character| character.is_ascii_digit() || "+-.eE".contains(character));
        (fine && !digits.is_empty())
            .then(|| digits.parse::<f64>().ok())
            .flatten()
    };
    for (unit, factor) in UNITS {
        if let Some(digits) = text.strip_suffix(unit) {
            return plain(digits).map(|number| number * factor);
        }
    }
    plain(text)
}
