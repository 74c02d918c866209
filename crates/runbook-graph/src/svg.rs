//! Pictures that every browser shows, light and dark, without any script.

use std::fmt::Write as _;

use crate::layout::{Drawing, LINE, PAD, Placed, draw};
use crate::text::xml;
use crate::{Graph, Look, Mark};

/// How far the drawing is from the picture's border.
const MARGIN: i32 = 12;

/// The graph as a picture, with this title for those who hear it.
#[must_use]
pub fn svg(graph: &Graph, title: &str) -> String {
    let drawing = draw(graph);
    let (width, height) = (drawing.width + 2 * MARGIN, drawing.height + 2 * MARGIN);
    let mut out = String::new();
    _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" aria-labelledby=\"title\">"
    );
    let title: String = title.chars().filter(|c| !c.is_control()).collect();
    _ = writeln!(out, "<title id=\"title\">{}</title>", xml(&title));
    out.push_str(STYLE);
    out.push_str(HEAD);
    _ = writeln!(
        out,
        "<rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>"
    );
    level(&mut out, &drawing, MARGIN, MARGIN);
    out.push_str("</svg>\n");
    out
}

/// The graph as a picture within a page, whose style it takes: it has none of its own, and its classes are those that
/// [`svg`] has, with that of its [`Fate`](crate::Fate) for a node that a run came to. `name` is what those who cannot see
/// it hear.
#[must_use]
pub fn figure(graph: &Graph, name: &str) -> String {
    let drawing = draw(graph);
    let (width, height) = (drawing.width + 2 * MARGIN, drawing.height + 2 * MARGIN);
    let mut out = String::new();
    _ = writeln!(
        out,
        "<svg class=\"graph\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" \
         aria-label=\"{}\">",
        xml(name)
    );
    out.push_str(HEAD);
    level(&mut out, &drawing, MARGIN, MARGIN);
    out.push_str("</svg>\n");
    out
}

/// The head of an arrow.
const HEAD: &str = "<defs><marker id=\"head\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" \
                    orient=\"auto\"><path class=\"head\" d=\"M0 0L8 4L0 8z\"/></marker></defs>\n";

/// The looks and marks. Every text has a contrast of at least 4.5 to what is behind it, by day and by night.
const STYLE: &str = "<style>
text{font:12px system-ui,sans-serif;fill:#1b2430}
.title{font-weight:600}
.paper{fill:#fff}
.node{stroke-width:1.2}
.arrow{fill:none;stroke:#5b6b7f;stroke-width:1.4}
.head{fill:#5b6b7f}
.check{fill:#eef2f7;stroke:#5b6b7f}
.read{fill:#e6f4ea;stroke:#2e7d4f}
.change{fill:#fff4d6;stroke:#a56a00}
.destroy{fill:#fde7e7;stroke:#b3261e;stroke-width:2}
.person{fill:#ebe5fb;stroke:#5b3fa0}
.group{fill-opacity:.35}
.added{stroke-width:3.5}
.changed{stroke-width:3.5;stroke-dasharray:7 3}
.removed{stroke-dasharray:2 3;opacity:.55}
@media (prefers-color-scheme:dark){
text{fill:#e8edf4}
.paper{fill:#14181f}
.arrow{stroke:#9aa8ba}
.head{fill:#9aa8ba}
.check{fill:#232b36;stroke:#9aa8ba}
.read{fill:#16301f;stroke:#6fc28e}
.change{fill:#3a2c0a;stroke:#e0a83a}
.destroy{fill:#43150f;stroke:#f28b82}
.person{fill:#2a2145;stroke:#b39ddb}
}
</style>
";

fn level(out: &mut String, drawing: &Drawing<'_>, left: i32, top: i32) {
    for points in &drawing.arrows {
        _ = writeln!(
            out,
            "<path class=\"arrow\" marker-end=\"url(#head)\" d=\"{}\"/>",
            path(points, left, top)
        );
    }
    for placed in &drawing.nodes {
        node(out, placed, left + placed.left, top + placed.top);
    }
}

/// Straight where it can be, else bent so that it leaves and arrives from above to below.
fn path(points: &[(i32, i32)], left: i32, top: i32) -> String {
    let mut out = String::new();
    let mut last: Option<(i32, i32)> = None;
    for &(x, y) in points {
        let (x, y) = (x + left, y + top);
        match last {
            None => _ = write!(out, "M{x} {y}"),
            Some((before, _)) if before == x => _ = write!(out, "L{x} {y}"),
            Some((before_x, before_y)) => {
                let half = i32::midpoint(before_y, y);
                _ = write!(out, "C{before_x} {half} {x} {half} {x} {y}");
            }
        }
        last = Some((x, y));
    }
    out
}

fn node(out: &mut String, placed: &Placed<'_>, left: i32, top: i32) {
    let (width, height) = (placed.width, placed.height);
    let mut class = format!("node {}", placed.node.look.word());
    if placed.within.is_some() {
        class.push_str(" group");
    }
    if let Some(word) = placed.node.mark.word() {
        _ = write!(class, " {word}");
    }
    if let Mark::Ran(fate) = placed.node.mark {
        _ = write!(class, " {}", fate.class());
    }
    let round = match placed.node.look {
        Look::Check | Look::Person => height.min(40) / 2,
        Look::Read => 8,
        Look::Change | Look::Destroy => 3,
    };
    _ = writeln!(
        out,
        "<rect class=\"{class}\" x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" rx=\"{round}\"/>"
    );
    let middle = left + width / 2;
    for (at, text) in (1..).zip(&placed.texts) {
        let y = top + PAD + at * LINE - 4;
        let class = if text.title { " class=\"title\"" } else { "" };
        _ = writeln!(
            out,
            "<text{class} x=\"{middle}\" y=\"{y}\" text-anchor=\"middle\">{}</text>",
            xml(&text.text)
        );
    }
    if let Some(within) = &placed.within {
        let rows = i32::try_from(placed.texts.len()).unwrap_or(0);
        let inset = (width - within.width) / 2;
        level(out, within, left + inset, top + PAD + rows * LINE + PAD / 2);
    }
}
