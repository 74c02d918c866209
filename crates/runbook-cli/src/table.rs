//! A table in plain lines: as wide as its contents, or as a terminal, and then no line breaks.

use textwrap::core::display_width;

/// What stands between two columns.
const GAP: &str = "  ";

/// A column: its heading, and how it gives way where there is no room.
pub(crate) struct Column {
    pub(crate) heading: &'static str,
    /// To how much it may be cut. None: it is never cut.
    pub(crate) least: Option<usize>,
    /// Which columns are left out first where cutting does not do: the greatest number. 0 is never left out.
    pub(crate) spare: u8,
}

/// The widths that columns get: those that are wanted, or what a terminal has room for. 0 is left out.
pub(crate) fn widths(columns: &[Column], rows: &[Vec<String>], room: Option<usize>) -> Vec<usize> {
    let wanted = |(at, column): (usize, &Column)| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        let widest = cells.map(|cell| display_width(cell)).max().unwrap_or(0);
        // A column in which nothing stands says nothing.
        if widest == 0 {
            0
        } else {
            widest.max(display_width(column.heading))
        }
    };
    let mut widths: Vec<usize> = columns.iter().enumerate().map(wanted).collect();
    let Some(room) = room else {
        return widths;
    };
    let least = |at: usize, width: usize| columns[at].least.map_or(width, |least| least.min(width));
    while total(
        &widths
            .iter()
            .enumerate()
            .map(|(at, width)| least(at, *width))
            .collect::<Vec<_>>(),
    ) > room
    {
        let spare = (0..columns.len()).filter(|at| widths[*at] > 0 && columns[*at].spare > 0);
        let Some(gone) = spare.max_by_key(|at| columns[*at].spare) else {
            break;
        };
        widths[gone] = 0;
    }
    // The widest gives way first.
    while total(&widths) > room {
        let cuttable = (0..columns.len()).filter(|at| widths[*at] > least(*at, widths[*at]));
        let Some(widest) = cuttable.max_by_key(|at| widths[*at]) else {
            break;
        };
        widths[widest] -= 1;
    }
    widths
}

fn total(widths: &[usize]) -> usize {
    let shown: Vec<&usize> = widths.iter().filter(|width| **width > 0).collect();
    shown.iter().copied().sum::<usize>() + GAP.len() * shown.len().saturating_sub(1)
}

/// The cells of a row, cut or filled to the widths, in a line. `style` may add what has no width.
pub(crate) fn line<T: AsRef<str>>(
    cells: &[T],
    widths: &[usize],
    style: impl Fn(usize, &str) -> String,
) -> String {
    let mut line = String::new();
    for (at, (cell, width)) in cells
        .iter()
        .zip(widths)
        .enumerate()
        .filter(|(_, (_, width))| **width > 0)
    {
        let cell = cut(cell.as_ref(), *width);
        let fill = width.saturating_sub(display_width(&cell));
        if !line.is_empty() {
            line.push_str(GAP);
        }
        line.push_str(&style(at, &cell));
        line.extend(std::iter::repeat_n(' ', fill));
    }
    line.trim_end().to_owned()
}

/// The beginning of a text, if there is no room for all of it.
fn cut(text: &str, width: usize) -> String {
    if display_width(text) <= width {
        return text.to_owned();
    }
    let mut cut = String::new();
    for char in text.chars() {
        let mut longer = cut.clone();
        longer.push(char);
        if display_width(&longer) + 1 > width {
            break;
        }
        cut = longer;
    }
    format!("{}…", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column {
            heading: "A",
            least: None,
            spare: 0,
        },
        Column {
            heading: "B",
            least: Some(4),
            spare: 0,
        },
        Column {
            heading: "C",
            least: None,
            spare: 1,
        },
    ];

    fn told(room: Option<usize>) -> Vec<String> {
        let rows = [["one", "a title", "gone"], ["größer", "ein längerer Titel", ""]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        let widths = widths(&COLUMNS, &rows, room);
        rows.iter()
            .map(|row| line(row, &widths, |_, cell| cell.to_owned()))
            .collect()
    }

    #[test]
    fn a_table_is_as_wide_as_there_is_room() {
        assert_eq!(
            told(None),
            ["one     a title             gone", "größer  ein längerer Titel"]
        );
        assert_eq!(
            told(Some(26)),
            ["one     a title       gone", "größer  ein längere…"]
        );
        assert_eq!(told(Some(14)), ["one     a tit…", "größer  ein l…"]);
        for room in 12..60 {
            assert!(
                told(Some(room)).iter().all(|line| display_width(line) <= room),
                "{room}"
            );
        }
    }
}
