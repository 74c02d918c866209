//! Quantities: `128Mi`, `500m`.

/// The value in thousandths.
pub(super) fn thousandths(quantity: &str) -> Option<u128> {
    let digits = quantity
        .find(|sign: char| !sign.is_ascii_digit() && sign != '.')
        .unwrap_or(quantity.len());
    let (number, suffix) = quantity.split_at_checked(digits)?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let part: String = part.chars().chain("000".chars()).take(3).collect();
    let value = whole.parse::<u128>().ok()?.checked_mul(1000)? + part.parse::<u128>().ok()?;
    let factor: u128 = match suffix {
        "" => 1,
        "m" => return value.checked_div(1000),
        "k" => 1_000,
        "M" => 1_000_000,
        "G" => 1_000_000_000,
        "T" => 1_000_000_000_000,
        "Ki" => 1 << 10,
        "Mi" => 1 << 20,
        "Gi" => 1 << 30,
        "Ti" => 1 << 40,
        _ => return None,
    };
    value.checked_mul(factor)
}

/// The value in whole units: bytes of memory.
pub(super) fn bytes(quantity: &str) -> Option<u64> {
    u64::try_from(thousandths(quantity)? / 1000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read() {
        for (text, value) in [
            ("128Mi", Some(128 << 20)),
            ("1.5Gi", Some(1_610_612_736)),
            ("2M", Some(2_000_000)),
            ("7", Some(7)),
            ("lots", None),
        ] {
            assert_eq!(bytes(text), value, "{text}");
        }
        assert_eq!(thousandths("250m"), Some(250));
        assert_eq!(thousandths("2"), Some(2000));
    }
}
