//! The last readings of a check as a line that one sees at a glance.

use serde_json::Value;

/// How many readings are shown.
const WIDTH: usize = 16;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The last readings of a check that were numbers.
#[derive(Debug, Default)]
pub(super) struct Spark {
    values: Vec<f64>,
}

impl Spark {
    /// Adds a reading, if it is a number.
    pub(super) fn push(&mut self, value: Option<&Value>) {
        let number = value.and_then(Value::as_f64).filter(|number| number.is_finite());
        self.values.extend(number);
        let surplus = self.values.len().saturating_sub(WIDTH);
        self.values.drain(..surplus);
    }

    /// A bar for each, the lowest and the highest of them as low and as high as bars are; nothing before the second.
    pub(super) fn text(&self) -> String {
        let [_, _, ..] = self.values.as_slice() else {
            return String::new();
        };
        let least = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        self.values.iter().map(|value| bar(*value, least, most)).collect()
    }
}

/// Where all are the same there is nothing to see, so they stand in the middle.
fn bar(value: f64, least: f64, most: f64) -> char {
    let share = (value / 2.0 - least / 2.0) / (most / 2.0 - least / 2.0);
    let share = if share.is_finite() { share } else { 0.5 };
    let steps = (1_u8..).zip(BARS);
    let reached = steps.take_while(|(step, _)| f64::from(*step - 1) <= share * 7.0 + 0.5);
    reached.last().map_or(BARS[0], |(_, bar)| bar)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(values: &[f64]) -> String {
        let mut spark = Spark::default();
        for value in values {
            spark.push(Some(&json!(value)));
        }
        spark.text()
    }

    #[test]
    fn readings_are_bars_from_the_lowest_to_the_highest() {
        assert_eq!(of(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]), "▁▂▃▄▅▆▇█");
        assert_eq!(of(&[1.0, 0.5, 0.0]), "█▅▁");
        assert_eq!(of(&[-1e308, 1e308]), "▁█");
    }

    #[test]
    fn one_reading_is_no_line_and_equal_ones_are_a_flat_one() {
        assert_eq!(of(&[1.0]), "");
        assert_eq!(of(&[2.0, 2.0, 2.0]), "▅▅▅");
    }

    #[test]
    fn what_is_no_number_is_left_out_and_only_the_last_are_kept() {
        let mut spark = Spark::default();
        spark.push(None);
        spark.push(Some(&json!("many")));
        assert_eq!(spark.text(), "");
        let rising: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(of(&rising).chars().count(), WIDTH);
    }
}
