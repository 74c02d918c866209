//! The report's Markdown as HTML.
//!
//! Raw HTML in it is shown as the text that it is, except the `<br>` that our own tables hold. Links lead to places of the
//! same page or are text, and pictures are their descriptions: the page asks nobody for anything.

use std::collections::{HashSet, VecDeque};

use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// How much of a section is shown.
const BYTES: usize = 200_000;

/// How many characters a cell of a table may hold that is never broken.
const NARROW: usize = 22;

/// A section as it is read.
pub(super) struct Body<'a> {
    events: Vec<Event<'a>>,
    /// Whether it is only the beginning.
    pub(super) is_cut: bool,
}

/// The names of the places of a page.
#[derive(Default)]
pub(super) struct Anchors(HashSet<String>);

impl Anchors {
    /// Takes a name, or one like it if that is taken.
    pub(super) fn take(&mut self, wanted: &str) -> String {
        let wanted = if wanted.is_empty() { "part" } else { wanted };
        let mut name = wanted.to_owned();
        let mut number = 1;
        while !self.0.insert(name.clone()) {
            name = format!("{wanted}-{number}");
            number += 1;
        }
        name
    }

    fn has(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}

/// Reads a section and names its headings.
pub(super) fn read<'a>(markdown: &'a str, anchors: &mut Anchors) -> Body<'a> {
    let shown = cut(markdown);
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut events: Vec<Event<'a>> = Vec::new();
    let mut heading: Option<(usize, String)> = None;
    for event in Parser::new_ext(shown, options) {
        match (&event, &mut heading) {
            (Event::Start(Tag::Heading { .. }), _) => heading = Some((events.len(), String::new())),
            (Event::Text(text) | Event::Code(text), Some((_, words))) => words.push_str(text),
            (Event::End(TagEnd::Heading(_)), Some((at, words))) => {
                let name = anchors.take(&slug(words));
                if let Some(Event::Start(Tag::Heading { id, .. })) = events.get_mut(*at) {
                    *id = Some(CowStr::from(name));
                }
                heading = None;
            }
            _ => {}
        }
        events.push(event);
    }
    Body {
        events,
        is_cut: shown.len() < markdown.len(),
    }
}

/// The beginning of a text, in whole lines where they are not endless.
fn cut(markdown: &str) -> &str {
    if markdown.len() <= BYTES {
        return markdown;
    }
    let mut end = BYTES;
    while !markdown.is_char_boundary(end) {
        end -= 1;
    }
    let (shown, _) = markdown.split_at(end);
    let line = shown.rfind('\n').filter(|at| *at > BYTES / 2);
    line.map_or(shown, |at| &shown[..=at])
}

/// The name of a place, as other readers of Markdown make it.
pub(super) fn slug(heading: &str) -> String {
    let chars = heading.chars().flat_map(char::to_lowercase);
    chars
        .filter_map(|char| match char {
            ' ' | '-' => Some('-'),
            char if char.is_alphanumeric() || char == '_' => Some(char),
            _ => None,
        })
        .collect()
}

/// One line of Markdown, without a paragraph around it.
pub(super) fn line(markdown: &str) -> String {
    let events = Parser::new_ext(markdown, Options::empty());
    let inline = events.filter(|event| {
        !matches!(
            event,
            Event::Start(Tag::Paragraph | Tag::Link { .. } | Tag::Image { .. })
                | Event::End(TagEnd::Paragraph | TagEnd::Link | TagEnd::Image)
        )
    });
    let mut out = String::new();
    html::push_html(&mut out, inline.map(harmless));
    out.trim().to_owned()
}

/// A section as HTML.
pub(super) fn write(body: Body<'_>, anchors: &Anchors, out: &mut String) {
    let mut writer = Writer {
        anchors,
        wide: wide_cells(&body.events),
        link: Vec::new(),
        table: Table::default(),
    };
    let events = body.events.into_iter().flat_map(|event| writer.event(event));
    let mut written = String::new();
    html::push_html(&mut written, events);
    // What is still to be written by people is to be found at a glance.
    out.push_str(&written.replace(
        "<strong>MISSING</strong>",
        "<strong class=\"missing\">MISSING</strong>",
    ));
}

/// Which cells stand in a column that holds more than a word or two, in the order of the cells.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what the library reads and the page writes as it is has many kinds"
)]
fn wide_cells(events: &[Event<'_>]) -> VecDeque<bool> {
    let mut wide = VecDeque::new();
    // The columns of the table so far, how many cells it has, and how long the cell is.
    let (mut columns, mut cells, mut column, mut length) = (Vec::new(), 0, 0, None);
    for event in events {
        match event {
            Event::Start(Tag::Table(_)) => (columns, cells) = (Vec::new(), 0),
            Event::Start(Tag::TableHead | Tag::TableRow) => column = 0,
            Event::Start(Tag::TableCell) => length = Some(0),
            Event::Text(text) | Event::Code(text) => {
                // Nobody counts the characters of a long text.
                let more = if text.len() > 4 * NARROW {
                    text.len()
                } else {
                    text.chars().count()
                };
                length = length.map(|length| length + more);
            }
            Event::End(TagEnd::TableCell) => {
                if columns.len() <= column {
                    columns.push(false);
                }
                if let Some(is_wide) = columns.get_mut(column) {
                    *is_wide |= length.take().is_some_and(|length| length > NARROW);
                }
                column += 1;
                cells += 1;
            }
            Event::End(TagEnd::Table) => wide.extend(columns.iter().copied().cycle().take(cells)),
            _ => {}
        }
    }
    wide
}

/// What is known of the table that is being written.
#[derive(Default)]
struct Table {
    /// Its head, until it is known whether something stands in it.
    head: Option<Head>,
    /// Whether its first column names what is in the row.
    named: bool,
    first: bool,
}

#[derive(Default)]
struct Head {
    cells: Vec<String>,
    cell: String,
}

struct Writer<'a> {
    anchors: &'a Anchors,
    /// Of the cells that are still to come, which hold more than a word or two.
    wide: VecDeque<bool>,
    /// Whether each link around is one.
    link: Vec<bool>,
    table: Table,
}

impl Writer<'_> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what the library reads and the page writes as it is has many kinds"
    )]
    fn event<'e>(&mut self, event: Event<'e>) -> Vec<Event<'e>> {
        if self.table.head.is_some() {
            return self.head(event);
        }
        let raw = |text: &str| vec![Event::Html(CowStr::from(text.to_owned()))];
        match event {
            Event::Start(Tag::Table(_)) => {
                self.table = Table::default();
                Vec::new()
            }
            Event::Start(Tag::TableHead) => {
                self.table.head = Some(Head::default());
                Vec::new()
            }
            Event::End(TagEnd::Table) => raw("</tbody></table></div>\n"),
            Event::Start(Tag::TableRow) => {
                self.table.first = true;
                raw("<tr>")
            }
            Event::End(TagEnd::TableRow) => raw("</tr>\n"),
            Event::Start(Tag::TableCell) => {
                let is_wide = self.wide.pop_front().unwrap_or(true);
                let names = self.table.first && self.table.named;
                raw(match (names, is_wide) {
                    (true, _) => "<th scope=\"row\">",
                    (false, true) => "<td class=\"t\">",
                    (false, false) => "<td>",
                })
            }
            Event::End(TagEnd::TableCell) => {
                let names = std::mem::take(&mut self.table.first) && self.table.named;
                raw(if names { "</th>" } else { "</td>" })
            }
            Event::Start(Tag::CodeBlock(_)) => raw("<pre tabindex=\"0\"><code>"),
            Event::End(TagEnd::CodeBlock) => raw("</code></pre>\n"),
            Event::Start(Tag::Heading { level, id, .. }) => {
                let id = id.map_or_else(String::new, |id| attribute(&id));
                raw(&format!("<{} id=\"{id}\">", level_of(level)))
            }
            Event::End(TagEnd::Heading(level)) => raw(&format!("</{}>\n", level_of(level))),
            Event::Start(Tag::Link { dest_url, .. }) => {
                let target = dest_url.strip_prefix('#').filter(|name| self.anchors.has(name));
                self.link.push(target.is_some());
                target.map_or_else(Vec::new, |name| {
                    raw(&format!("<a href=\"#{}\">", attribute(name)))
                })
            }
            Event::End(TagEnd::Link) => {
                if self.link.pop() == Some(true) {
                    raw("</a>")
                } else {
                    Vec::new()
                }
            }
            Event::Start(Tag::Image { .. } | Tag::HtmlBlock)
            | Event::End(TagEnd::Image | TagEnd::HtmlBlock) => Vec::new(),
            event => vec![harmless(event)],
        }
    }

    /// Within a table's head. One in which nothing stands is none: its table names things in its first column.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "what the library reads and the page writes as it is has many kinds"
    )]
    fn head<'e>(&mut self, event: Event<'e>) -> Vec<Event<'e>> {
        let Some(head) = &mut self.table.head else {
            return Vec::new();
        };
        match event {
            Event::End(TagEnd::TableCell) => {
                self.wide.pop_front();
                head.cells.push(std::mem::take(&mut head.cell));
            }
            Event::End(TagEnd::TableHead) => return self.begin_table(),
            Event::Start(_) | Event::End(_) => {}
            event => html::push_html(&mut head.cell, std::iter::once(harmless(event))),
        }
        Vec::new()
    }

    fn begin_table<'e>(&mut self) -> Vec<Event<'e>> {
        let cells = self.table.head.take().unwrap_or_default().cells;
        self.table.named = cells.iter().all(|cell| cell.trim().is_empty());
        let names: Vec<&str> = cells.iter().map(|cell| cell.trim()).collect();
        let name = if self.table.named {
            "Facts".to_owned()
        } else {
            stripped(&names.join(", "))
        };
        let mut out = format!(
            "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Table: {name}\"><table"
        );
        if self.table.named {
            out.push_str(" class=\"facts\"><tbody>\n");
        } else {
            out.push_str("><thead><tr>");
            for name in names {
                out.push_str("<th scope=\"col\">");
                out.push_str(name);
                out.push_str("</th>");
            }
            out.push_str("</tr></thead><tbody>\n");
        }
        vec![Event::Html(CowStr::from(out))]
    }
}

/// HTML without its elements, for an attribute: what is left is escaped already.
fn stripped(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut within = false;
    for char in html.chars() {
        match char {
            '<' => within = true,
            '>' => within = false,
            '"' => {}
            char if !within => out.push(char),
            _ => {}
        }
    }
    out
}

/// Raw HTML as text, but for the end of a line that our own tables hold.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what the library reads and the page writes as it is has many kinds"
)]
fn harmless(event: Event<'_>) -> Event<'_> {
    match event {
        Event::InlineHtml(raw) if &*raw == "<br>" => Event::HardBreak,
        Event::Html(raw) | Event::InlineHtml(raw) => Event::Text(raw),
        event => event,
    }
}

const fn level_of(level: HeadingLevel) -> &'static str {
    match level {
        // The title of the page and those of its sections are not the Markdown's.
        HeadingLevel::H1 | HeadingLevel::H2 | HeadingLevel::H3 => "h3",
        HeadingLevel::H4 => "h4",
        HeadingLevel::H5 => "h5",
        HeadingLevel::H6 => "h6",
    }
}

fn attribute(text: &str) -> String {
    super::markup::text(text)
}
